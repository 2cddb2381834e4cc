/*
 * secrets - one file each in the site's folder `secrets`; its content without the newline at the end.
 *
 * Thread: any. Errors: PH_ERR_NOT_FOUND, PH_ERR_INVALID (name, size, zero bytes); never the content.
 */
#ifndef PH_HOST_SECRETS_H
#define PH_HOST_SECRETS_H

#include <stddef.h>
#include <packhorse/error.h>

#define PH_SECRET_MAX 65536

/* *out is fresh, zero-terminated; give it to ph_secret_free. */
ph_status ph_secret_read(
    const char *site, const char *name, char **out, size_t *length, ph_error *err);
/* Overwrites it first. NULL allowed. */
void ph_secret_free(char **secret_p);

#endif
