// SPDX-License-Identifier: BSD-3-Clause
// Commands as people write them, "port add name=net_tap0 devargs=iface=tap0", turned into requests.
// ternctl's command line and tern-fwd's command file are read by this.
#ifndef FWD_WORDS_H
#define FWD_WORDS_H

#include <jansson.h>

#define FWD_WORDS_MAX 64

// Cuts a line at blanks, in place; "…" keeps blanks together, # begins a comment. Returns how many
// words there are, or -1 when a quotation does not end or there are more than FWD_WORDS_MAX.
int fwd_words_split(char *line, char *words[FWD_WORDS_MAX]);

// The request of n words: first the command's, then KEY=VALUE. A new reference, or NULL with the
// reason in `why`.
json_t *fwd_words_request(char *const *words, int n, char why[256]);

#endif
