#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# What is shipped beside the programs: examples that the program takes, pages that name all keys, the Debian package.
# shellcheck disable=SC2154,SC2030,SC2031 # bats sets output and status; each test is a subshell

load common

setup() {
    setup_fwd
}

@test "every configuration that is shown or shipped is right" {
    "$fwd" --check "$TERN_ROOT/apps/dist/fwd.ini"
    awk -v dir="$dir" '/^```/ { inside = !inside; if (inside) file = dir "/" ++n ".ini"; next } inside { print >file }' \
        "$TERN_ROOT/docs/operating.md" "$TERN_ROOT/docs/man/tern-fwd.1.scd"
    local file seen=0
    for file in "$dir"/*.ini; do
        grep -Eq '^\[(fwd|port)' "$file" || continue
        # A part that shows VLANs is a part of a bridge's.
        grep -q '^\[fwd\]' "$file" || sed -i '1i [fwd]\nmode = l2' "$file"
        "$fwd" --check "$file" || { cat "$file"; return 1; }
        seen=$((seen + 1))
    done
    [ "$seen" -ge 4 ]
}

@test "what is shipped keeps guests' sockets where no stop of the service takes them away" {
    local folder
    folder=$(awk '$1 == "d" { print $2 }' "$TERN_ROOT/apps/dist/tern.tmpfiles")
    [ "$folder" = /run/tern-guests ]
    [ "/run/$(sed -n 's/^RuntimeDirectory=//p' "$TERN_ROOT/apps/dist/tern-fwd.service.in")" != "$folder" ]
    ! grep -E 'iface=|path=' "$TERN_ROOT"/apps/dist/fwd.ini "$TERN_ROOT/docs/operating.md" "$TERN_ROOT/docs/man/tern-fwd.1.scd" |
        grep '/run/tern-fwd/' || return 1
}

@test "the manual pages name every key, and every verdict" {
    local key
    while read -r key; do
        grep -q "\*$key\*" "$TERN_ROOT/docs/man/tern-fwd.1.scd" || { echo "no $key"; return 1; }
    done < <(sed -n 's/^ *\(ROW\|NUM\)(struct [a-z_]*, "\([a-z-]*\)".*/\2/p' "$TERN_ROOT/apps/fwd/keys.c")
    [ "$(grep -c '^    \(ROW\|NUM\)(' "$TERN_ROOT/apps/fwd/keys.c")" -gt 20 ]
    while read -r key; do
        grep -q "\*$key" "$TERN_ROOT/docs/man/ternctl.1.scd" || { echo "no $key"; return 1; }
    done < <(grep -o 'return "[a-z ]*"\|? "[a-z ]*"\|: "[a-z ]*"' "$TERN_ROOT/apps/fwd/verdict.c" | sed 's/.*"\(.*\)"/\1/')
}

@test "scripts/package: a package with programs, plug-ins, unit and pages" {
    [[ ${TERN_TEST_FULL-} ]] || skip 'builds everything anew: minutes (./scripts/test --full)'
    local file
    "$TERN_ROOT/scripts/package" --build "$dir/build" --out "$dir"
    dpkg-deb --contents "$dir"/tern_*.deb >"$dir/list"
    for file in usr/bin/tern-fwd usr/bin/ternctl pmds-.*/librte_net_tern_vhost.so pmds-.*/librte_net_tern_user.so \
        systemd/system/tern-fwd.service tmpfiles.d/tern.conf completions/ternctl man1/tern-fwd.1.gz man1/ternctl.1.gz \
        etc/tern/fwd.ini etc/default/tern-fwd doc/tern/operating.md; do
        grep -q "$file\$" "$dir/list" || { echo "no $file"; return 1; }
    done
    dpkg-deb -f "$dir"/tern_*.deb Depends | grep -q 'librte-eal[0-9]* (= '
    unshare --mount --net true || skip 'name spaces are not allowed here: the package was built, not installed'
    mkdir "$dir/installed"
    unshare --mount --net "$TERN_ROOT/tests/fwd/installed" "$dir"/tern_*.deb "$dir/installed"
}

# blocks LANGUAGE: the examples of docs/operating.md in it, one after the other; sh for those without any.
blocks() {
    awk -v want="$1" '/^```/ { inside = !inside; language = substr($0, 4); next }
        inside && (language == "" ? "sh" : language) == want' "$TERN_ROOT/docs/operating.md"
}

@test "the libvirt example is right" {
    local schema=${TERN_LIBVIRT_SCHEMAS:-/usr/share/libvirt/schemas}/domain.rng
    blocks xml >"$dir/domain.xml"
    python3 - "$dir/domain.xml" <<'END'
import sys, xml.etree.ElementTree as tree
domain = tree.parse(sys.argv[1]).getroot()
assert domain.find("memoryBacking/access").get("mode") == "shared"
source = domain.find("devices/interface[@type='vhostuser']/source")
assert source.get("path") == "/run/tern-guests/vm1.sock" and source.get("mode") == "server"
END
    if command -v xmllint && [ -e "$schema" ]; then xmllint --noout --relaxng "$schema" "$dir/domain.xml"; fi
}

@test "the examples' commands are understood: by the shell, by ternctl, and by docker where there is one" {
    local line status_of seen=0 docker
    blocks sh >"$dir/commands"
    bash -n "$dir/commands"
    while read -r line; do
        status_of=0
        eval "\"\$ctl\" -s $dir/none ${line#ternctl}" >"$dir/told" 2>&1 || status_of=$?
        [ "$status_of" = 3 ] || { echo "$line:"; cat "$dir/told"; return 1; } # understood, but nobody answers
        seen=$((seen + 1))
    done < <(grep '^ternctl' "$dir/commands")
    [ "$seen" -gt 8 ]
    docker=$(sed -n '/^docker run/,/[^\\]$/p' "$dir/commands")
    [[ $docker == *' IMAGE '* ]]
    if command -v docker; then
        run eval "DOCKER_HOST=unix://$dir/none $(sed "s/ -it / -i /; s/ IMAGE / image /" <<<"$docker")"
        [ "$status" = 125 ]
        has 'Cannot connect to the Docker daemon'
    fi
}
