/*
 * How it works: one-time tokens stand in a small array; the ones past their life are cleared when
 * room is needed. A token is looked for by comparing with all of them in constant time each.
 */
#include "broker/token.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"
#include "lib/base/os.h"
#include "lib/base/text.h"
#include "lib/wire/frame.h"

#define NAME_SIZE 64

typedef struct grant {
	int64_t until_ms; /* mono; 0: free */
	uint8_t role;
	char name[NAME_SIZE];
	char token[PH_TOKEN_TEXT];
} grant;

struct ph_tokens {
	const ph_sitekey *key;
	const ph_clock *clock;
	int64_t life_ms;
	size_t count; /* grants in use or free again */
	size_t capacity;
	grant *grants;
};

ph_status
ph_tokens_new(const ph_sitekey *key, const ph_clock *clock, int64_t life_ms,
    ph_tokens **out, ph_error *err)
{
	ph_tokens *tokens = calloc(1, sizeof *tokens);
	if (tokens == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory for tokens");
	tokens->key = key;
	tokens->clock = clock;
	tokens->life_ms = life_ms;
	*out = tokens;
	return PH_OK;
}

void
ph_tokens_destroy(ph_tokens **tokens_p)
{
	ph_tokens *tokens = *tokens_p;
	*tokens_p = NULL;
	if (tokens == NULL)
		return;
	if (tokens->grants != NULL)
		sodium_memzero(tokens->grants, tokens->capacity * sizeof(grant));
	free(tokens->grants);
	free(tokens);
}

static bool
expired(const grant *at, int64_t now_ms)
{
	return at->until_ms <= now_ms;
}

static grant *
free_grant(ph_tokens *tokens)
{
	int64_t now_ms = ph_clock_mono(tokens->clock);
	for (size_t i = 0; i < tokens->count; i++) {
		if (expired(&tokens->grants[i], now_ms))
			return &tokens->grants[i];
	}
	if (tokens->count == PH_TOKENS_MAX)
		return NULL;
	if (tokens->count == tokens->capacity) {
		size_t capacity = tokens->capacity == 0 ? 8 : tokens->capacity * 2;
		grant *grants = realloc(tokens->grants, capacity * sizeof(grant));
		if (grants == NULL)
			return NULL;
		tokens->grants = grants;
		tokens->capacity = capacity;
	}
	return &tokens->grants[tokens->count++];
}

ph_status
ph_tokens_grant(ph_tokens *tokens, uint8_t role, const char *name,
    char out[PH_TOKEN_TEXT], ph_error *err)
{
	uint8_t bytes[(PH_TOKEN_TEXT - 1) / 2];
	size_t length = strlen(name);
	if (length >= NAME_SIZE)
		return ph_fail(err, PH_ERR_USAGE,
		    "PH6501 the name of a session has at most %d bytes", NAME_SIZE - 1);
	ph_status status = ph_os_random(bytes, sizeof bytes, err);
	if (status != PH_OK)
		return status;
	grant *at = free_grant(tokens);
	if (at == NULL)
		return ph_fail(err, PH_ERR_FULL,
		    "PH6502 %d session tokens wait to be used: no more are given out",
		    PH_TOKENS_MAX);
	*at = (grant){
	    .role = role, .until_ms = ph_clock_mono(tokens->clock) + tokens->life_ms};
	memcpy(at->name, name, length);
	ph_hex_encode(bytes, sizeof bytes, at->token);
	memcpy(out, at->token, PH_TOKEN_TEXT);
	return PH_OK;
}

static bool
same(const char *one, const char *other)
{
	return strlen(one) == PH_TOKEN_TEXT - 1 && strlen(other) == PH_TOKEN_TEXT - 1 &&
	       sodium_memcmp(one, other, PH_TOKEN_TEXT - 1) == 0;
}

bool
ph_tokens_use(ph_tokens *tokens, uint8_t role, const char *name, const char *token)
{
	int64_t now_ms = ph_clock_mono(tokens->clock);
	grant *found = NULL;
	for (size_t i = 0; i < tokens->count; i++) {
		grant *at = &tokens->grants[i];
		if (!expired(at, now_ms) && at->role == role && same(at->token, token))
			found = at;
	}
	if (found == NULL || (role == PH_ROLE_HOST && strcmp(found->name, name) != 0))
		return false;
	sodium_memzero(found, sizeof *found);
	return true;
}

void
ph_tokens_resume(const ph_tokens *tokens, uint8_t role, const char *name,
    const char *instance, char out[PH_TOKEN_TEXT])
{
	uint8_t mac[(PH_TOKEN_TEXT - 1) / 2];
	crypto_generichash_state state;
	(void) crypto_generichash_init(
	    &state, tokens->key->token, sizeof tokens->key->token, sizeof mac);
	(void) crypto_generichash_update(&state, &role, 1);
	(void) crypto_generichash_update(
	    &state, (const uint8_t *) name, strlen(name) + 1);
	(void) crypto_generichash_update(
	    &state, (const uint8_t *) instance, strlen(instance) + 1);
	(void) crypto_generichash_final(&state, mac, sizeof mac);
	ph_hex_encode(mac, sizeof mac, out);
}

bool
ph_tokens_resumes(const ph_tokens *tokens, uint8_t role, const char *name,
    const char *instance, const char *token)
{
	char expected[PH_TOKEN_TEXT];
	ph_tokens_resume(tokens, role, name, instance, expected);
	return same(expected, token);
}
