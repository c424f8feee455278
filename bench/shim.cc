// SPDX-License-Identifier: BSD-3-Clause
// The only C++: registers cases with Google Benchmark. One iteration is one repetition of the C
// side, which has a clock, a warm-up and a probe of its own; the time that is reported is that of a
// buffer.
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "shim.h"

namespace
{

void set_counters(benchmark::State &state, const bench_repeat &r)
{
    const double n = static_cast<double>(r.sum.buffers);
    state.counters["Mpps"] = n / r.sum.seconds * 1e-6;
    state.counters["cycles"] = r.sum.cycles / n;
    state.counters["trip_ns"] = r.sum.trip_after_ns;
    state.counters["batch"] = n / static_cast<double>(r.sum.device_takes ? r.sum.device_takes : 1);
    if (r.sum.latency.total) {
        state.counters["p50_ns"] = static_cast<double>(bench_hist_percentile(&r.sum.latency, 50));
        state.counters["p99_ns"] = static_cast<double>(bench_hist_percentile(&r.sum.latency, 99));
    }
    state.SetLabel(bench_class_name(r.class_));
}

void run(benchmark::State &state, const bench_shim *shim, const bench_case &c,
         const std::string &name)
{
    auto r = std::make_unique<bench_repeat>();
    char why[300];
    for (auto _ : state) {
        if (bench_repeat_run(&c, shim->ms, r.get(), why, sizeof(why))) {
            shim->failed(shim->arg, name.c_str(), why);
            state.SkipWithError(why);
            break;
        }
        state.SetIterationTime(r->sum.seconds / static_cast<double>(r->sum.buffers));
        set_counters(state, *r);
        shim->done(shim->arg, name.c_str(), r.get());
    }
}

// Google Benchmark calls this instead of its help, which main.c gives.
void bad_value()
{
    fprintf(stderr, "tern-bench: an option of Google Benchmark has no such value\n"
                    "fix: look at its user guide, such as --benchmark_format=json\n");
    std::exit(2);
}

// What is said of a repetition is said by C.
class Silent : public benchmark::BenchmarkReporter
{
  public:
    bool ReportContext(const Context &) override
    {
        return true;
    }
    void ReportRuns(const std::vector<Run> &) override
    {
    }
};

} // namespace

bool bench_shim_init(int *argc, char **argv)
{
    bool prints = false;
    for (int i = 1; i < *argc; i++) {
        const std::string word(argv[i]);
        prints |= word.rfind("--benchmark_format", 0) == 0 ||
                  word.rfind("--benchmark_list_tests", 0) == 0;
    }
    benchmark::Initialize(argc, argv, bad_value);
    return prints;
}

void bench_shim_filter(char *text, size_t bytes)
{
    snprintf(text, bytes, "%s", benchmark::GetBenchmarkFilter().c_str());
}

void bench_shim_add(const bench_shim *s, const char *name, const bench_case *c)
{
    const std::string title(name);
    const bench_case copy = *c;
    benchmark::RegisterBenchmark(
        name, [s, copy, title](benchmark::State &state) { run(state, s, copy, title); })
        ->UseManualTime()
        ->Iterations(1)
        ->Repetitions(1)
        ->Unit(benchmark::kNanosecond);
}

void bench_shim_run(bool prints)
{
    Silent silent;
    benchmark::RunSpecifiedBenchmarks(prints ? nullptr : &silent, ".");
    benchmark::Shutdown();
}
