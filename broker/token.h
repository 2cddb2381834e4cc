/*
 * token - how a peer proves who it is: tokens that work once, and tokens to come back with.
 *
 * A one-time token is 32 random bytes, handed to a host on an inherited descriptor or to a local
 * client over the control socket; it is good for one HELLO of that role (and, for a host, of that
 * name) within its lifetime. A resume token is a keyed MAC of role, name and instance: the broker
 * keeps nothing for it, so it is still good after a restart.
 *
 * Thread: owner. Errors: PH_ERR_FULL (too many tokens not yet used), PH_ERR_IO, PH_ERR_NOMEM.
 */
#ifndef PH_BROKER_TOKEN_H
#define PH_BROKER_TOKEN_H

#include <stdbool.h>
#include "broker/sitekey.h"
#include "lib/base/clock.h"

#define PH_TOKEN_TEXT 65 /* characters of a token, the zero included */
#define PH_TOKENS_MAX 1024

typedef struct ph_tokens ph_tokens;

/* `life_ms`: how long a one-time token is good. Keys and clock are borrowed. */
ph_status ph_tokens_new(const ph_sitekey *key, const ph_clock *clock, int64_t life_ms,
    ph_tokens **out, ph_error *err);
void ph_tokens_destroy(ph_tokens **tokens_p);

/* A new one-time token. `role` is PH_ROLE_*; `name` is checked for hosts only. */
ph_status ph_tokens_grant(ph_tokens *tokens, uint8_t role, const char *name,
    char out[PH_TOKEN_TEXT], ph_error *err);
/* Is it good? It is not any more afterwards. */
bool ph_tokens_use(
    ph_tokens *tokens, uint8_t role, const char *name, const char *token);

/* The token to come back with. */
void ph_tokens_resume(const ph_tokens *tokens, uint8_t role, const char *name,
    const char *instance, char out[PH_TOKEN_TEXT]);
/* Compared in constant time. */
bool ph_tokens_resumes(const ph_tokens *tokens, uint8_t role, const char *name,
    const char *instance, const char *token);

#endif
