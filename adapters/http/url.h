/*
 * url - the address of one request: the base, a path with {NAME} in it, and the values.
 *
 * Values are percent-encoded whole (RFC 3986: all but letters, digits, "-._~"), so that no value
 * can reach into another part of the address; "." and ".." and empty values are refused.
 *
 * Thread: pure. Errors: PH_ADAPTER_INVALID.
 */
#ifndef PH_HTTP_URL_H
#define PH_HTTP_URL_H

#include "adapters/common/plug.h"

/* The address for `path` (may be empty; a full http or https address replaces the base) with each
 * {NAME} replaced by the pair "url.NAME". *out is yours: free. */
uint32_t ph_http_url(const char *base, ph_adapter_text path,
    const ph_adapter_pair *pairs, uint64_t count, char **out, ph_adapter_error *error);

#endif
