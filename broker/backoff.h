/*
 * backoff - how long to wait before the next attempt.
 *
 * Grows by the policy's factor with every attempt up to its greatest wait, and is then moved by up to
 * a fifth either way, so that what failed together does not come back together.
 *
 * Thread: any. Errors: none.
 */
#ifndef PH_BROKER_BACKOFF_H
#define PH_BROKER_BACKOFF_H

#include <stdint.h>
#include "lib/site/site.h"

/* After `attempts` (from 1); at least 1. */
int64_t ph_backoff(const ph_site_retry *retry, unsigned attempts);
/* The same without the chance in it. */
int64_t ph_backoff_plain(const ph_site_retry *retry, unsigned attempts);

#endif
