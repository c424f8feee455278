// SPDX-License-Identifier: BSD-3-Clause
#include "addr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

struct fwd_addr fwd_addr_masked(const struct fwd_addr *a, uint8_t len)
{
    struct fwd_addr x = {0};
    memcpy(x.b, a->b, len / 8);
    if (len % 8)
        x.b[len / 8] = a->b[len / 8] & (uint8_t)(0xff00u >> len % 8);
    return x;
}

bool fwd_prefix_holds(const struct fwd_prefix *p, const struct fwd_addr *a)
{
    struct fwd_addr x = fwd_addr_masked(a, p->len), y = fwd_addr_masked(&p->addr, p->len);
    return fwd_addr_same(&x, &y);
}

bool fwd_addr_parse(const char *text, struct fwd_addr *a)
{
    struct in_addr v4;
    if (inet_pton(AF_INET, text, &v4) == 1) {
        *a = fwd_addr_v4(v4.s_addr);
        return true;
    }
    return inet_pton(AF_INET6, text, a->b) == 1 && !fwd_addr_is_v4(a);
}

bool fwd_prefix_parse(const char *text, struct fwd_prefix *p)
{
    char copy[FWD_ADDR_TEXT], *slash, *end;
    if ((size_t)snprintf(copy, sizeof(copy), "%s", text) >= sizeof(copy))
        return false;
    slash = strchr(copy, '/');
    if (slash)
        *slash++ = '\0';
    if (!fwd_addr_parse(copy, &p->addr))
        return false;
    unsigned long most = fwd_addr_is_v4(&p->addr) ? 32 : 128, len = most;
    if (slash) {
        len = strtoul(slash, &end, 10);
        if (*slash < '0' || *slash > '9' || *end || len > most)
            return false;
    }
    p->len = (uint8_t)(len + 128 - most);
    return true;
}

char *fwd_addr_text(const struct fwd_addr *a, char *text)
{
    bool v4 = fwd_addr_is_v4(a);
    inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? a->b + 12 : a->b, text, FWD_ADDR_TEXT);
    return text;
}

char *fwd_prefix_text(const struct fwd_prefix *p, char *text)
{
    fwd_addr_text(&p->addr, text);
    size_t at = strlen(text);
    snprintf(text + at, FWD_ADDR_TEXT - at, "/%u", p->len - (fwd_addr_is_v4(&p->addr) ? 96u : 0));
    return text;
}

bool fwd_addr_is_host(const struct fwd_addr *a)
{
    static const struct fwd_addr none = {{0}}, self = {{[15] = 1}};
    if (fwd_addr_is_v4(a))
        return a->b[12] != 0 && a->b[12] != 127 && a->b[12] < 224;
    return a->b[0] != 0xff && !fwd_addr_same(a, &none) && !fwd_addr_same(a, &self);
}
