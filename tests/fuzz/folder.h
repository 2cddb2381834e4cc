/*
 * folder - a folder of a target's own, for what is read from files; gone when the program ends.
 *
 * Thread: one. Errors: it aborts.
 */
#ifndef PH_TESTS_FUZZ_FOLDER_H
#define PH_TESTS_FUZZ_FOLDER_H

#include <stddef.h>

#define PH_FUZZ_PATH 256 /* bytes of a path in it, the zero included */

/* Its path, below TMPDIR; made when it is first asked for. */
const char *ph_fuzz_folder(void);
/* The path of something in it; `out` has PH_FUZZ_PATH bytes. */
const char *ph_fuzz_path(const char *name, char *out);
/* Make a folder in it, if it is missing. */
void ph_fuzz_make(const char *name);
/* Write a file in it, replacing one that is there. */
void ph_fuzz_put(const char *name, const void *bytes, size_t length);
/* Remove a file, or a folder with all that is in it; nothing if it is not there. */
void ph_fuzz_remove(const char *name);

#endif
