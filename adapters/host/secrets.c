#include "adapters/host/secrets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "lib/base/fs.h"

/* A name is one file name: nothing that leads out of the folder. */
static int
usable(const char *name)
{
	static const char allowed[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
	return *name && *name != '.' && strspn(name, allowed) == strlen(name);
}

ph_status
ph_secret_read(
    const char *site, const char *name, char **out, size_t *length, ph_error *err)
{
	char path[4096];
	if (!usable(name))
		return ph_fail(err, PH_ERR_INVALID,
		    "PH4020 a secret's name has letters, digits, `-`, `_` and `.` "
		    "only");
	int wrote = snprintf(path, sizeof path, "%s/secrets/%s", site, name);
	if (wrote < 0 || (size_t) wrote >= sizeof path)
		return ph_fail(err, PH_ERR_INVALID, "PH4020 the path is too long");
	char *text = NULL;
	size_t size = 0;
	if (ph_fs_slurp(path, PH_SECRET_MAX, &text, &size, NULL))
		return ph_fail_at(err, PH_ERR_NOT_FOUND, path,
		    "PH4021 the secret `%s` cannot be read: put it into the file %s, "
		    "with mode 0600",
		    name, path);
	if (size && text[size - 1] == '\n')
		text[--size] = '\0';
	if (size && text[size - 1] == '\r')
		text[--size] = '\0';
	if (memchr(text, 0, size)) {
		ph_secret_free(&text);
		return ph_fail_at(err, PH_ERR_INVALID, path,
		    "PH4022 the secret in %s has a zero byte: a secret is one text",
		    path);
	}
	*out = text;
	*length = size;
	return PH_OK;
}

void
ph_secret_free(char **secret_p)
{
	if (!*secret_p)
		return;
	volatile char *at = *secret_p;
	while (*at)
		*at++ = '\0';
	free(*secret_p);
	*secret_p = NULL;
}
