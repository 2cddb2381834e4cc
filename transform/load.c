/*
 * load - errors of a declaration, and the files it names.
 */
#include "transform/load.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/assert.h"

void
ph_load_init(ph_load *load, ph_document *document, const char *const *folders,
    ph_map_tell *tell, void *self)
{
	memset(load, 0, sizeof(*load));
	load->document = document;
	load->arena = document == NULL ? NULL : ph_document_arena(document);
	load->folders = folders;
	load->tell = tell;
	load->self = self;
}

bool
ph_load_fail_at(ph_load *load, const char *where, const char *text)
{
	if (load->errors++ == 0)
		ph_fail_at(&load->first, PH_ERR_INVALID, where, "%s", text);
	if (load->tell != NULL)
		load->tell(load->self, "error", where, text);
	return false;
}

/* "file:line:column" of a place inside a plain scalar. */
static void
place(
    const ph_load *load, const ph_node *node, size_t offset, char where[PH_ERROR_WHERE])
{
	/* A node that was merged in from another file says so in its space. */
	bool merged = node != NULL && node->space != NULL;
	const char *file = merged ? node->space : ph_document_name(load->document);
	if (node == NULL || node->line == 0) {
		snprintf(where, PH_ERROR_WHERE, "%s", file);
		return;
	}
	size_t shift = (node->flags & PH_NODE_QUOTED) != 0 && offset > 0 ? 1 : 0;
	snprintf(where, PH_ERROR_WHERE, "%s:%u:%zu", file, node->line,
	    (size_t) node->column + offset + shift);
}

bool
ph_load_fail(ph_load *load, const ph_node *node, size_t offset, const char *format, ...)
{
	char where[PH_ERROR_WHERE], text[PH_ERROR_TEXT];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	place(load, node, offset, where);
	return ph_load_fail_at(load, where, text);
}

bool
ph_load_no_memory(ph_load *load)
{
	if (load->errors++ == 0)
		ph_fail(&load->first, PH_ERR_NOMEM, "out of memory");
	return false;
}

void
ph_load_tell(
    ph_load *load, const char *kind, const ph_node *node, const char *format, ...)
{
	if (load->tell == NULL)
		return;
	char where[PH_ERROR_WHERE], text[PH_ERROR_TEXT];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	place(load, node, 0, where);
	load->tell(load->self, kind, where, text);
}

void
ph_load_warn(ph_load *load, const ph_node *node, size_t offset, const char *format, ...)
{
	if (load->tell == NULL)
		return;
	char where[PH_ERROR_WHERE], text[PH_ERROR_TEXT];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	place(load, node, offset, where);
	load->tell(load->self, "warning", where, text);
}

ph_status
ph_load_status(const ph_load *load, ph_error *err)
{
	if (load->errors == 0)
		return PH_OK;
	if (err != NULL)
		*err = load->first;
	return load->first.status;
}

static bool
is_file(const char *path)
{
	struct stat info;
	return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

static char *
joined(const char *folder, const char *kind, const char *name)
{
	size_t size = strlen(folder) + strlen(kind) + strlen(name) + 3;
	char *path = malloc(size);
	if (path != NULL)
		snprintf(
		    path, size, "%s/%s%s%s", folder, kind, *kind == 0 ? "" : "/", name);
	return path;
}

ph_status
ph_find_file(const char *const *folders, const char *kind, const char *name, char **out,
    ph_error *err)
{
	if (name[0] == 0 || strstr(name, "..") != NULL || name[0] == '/')
		return ph_fail(err, PH_ERR_NOT_FOUND, "not a plain file name");
	for (size_t i = 0; folders != NULL && folders[i] != NULL; i++) {
		const char *const kinds[] = {kind, ""};
		for (size_t k = 0; k < 2; k++) {
			char *path = joined(folders[i], kinds[k], name);
			if (path == NULL)
				return ph_fail(err, PH_ERR_NOMEM, "out of memory");
			if (is_file(path)) {
				*out = path;
				return PH_OK;
			}
			free(path);
		}
	}
	return ph_fail(err, PH_ERR_NOT_FOUND, "no file %s in any folder", name);
}

/* Is it a file that none of the `count` before is, by another name? */
static bool
is_new(const char *const *paths, size_t count, const char *path)
{
	struct stat own, other;
	if (stat(path, &own) != 0)
		return false;
	for (size_t i = 0; i < count; i++)
		if (stat(paths[i], &other) == 0 && own.st_dev == other.st_dev &&
		    own.st_ino == other.st_ino)
			return false;
	return true;
}

size_t
ph_load_layers(
    ph_load *load, const char *kind, const char *name, const char **paths, size_t most)
{
	size_t count = 0;
	for (size_t i = 0; load->folders != NULL && load->folders[i] != NULL; i++) {
		const char *const one[] = {load->folders[i], NULL};
		char *path;
		if (count == most ||
		    ph_find_file(one, kind, name, &path, NULL) != PH_OK)
			continue;
		if (is_new(paths, count, path) &&
		    (paths[count] = ph_arena_strdup(load->arena, path)) != NULL)
			count++;
		free(path);
	}
	return count;
}

const char *
ph_load_find(ph_load *load, const char *kind, const char *name)
{
	char *path;
	if (ph_find_file(load->folders, kind, name, &path, NULL) != PH_OK)
		return NULL;
	const char *copy = ph_arena_strdup(load->arena, path);
	free(path);
	return copy;
}

/* Edits between two short words (Levenshtein). */
static size_t
distance(const char *a, const char *b)
{
	enum { MOST = 40 };
	size_t n = strlen(a), m = strlen(b), row[MOST + 1];
	if (n > MOST || m > MOST)
		return MOST;
	for (size_t j = 0; j <= m; j++)
		row[j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t corner = row[0];
		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			size_t change = corner + (a[i - 1] == b[j - 1] ? 0 : 1);
			corner = row[j];
			size_t least = row[j] + 1;
			least = row[j - 1] + 1 < least ? row[j - 1] + 1 : least;
			row[j] = change < least ? change : least;
		}
	}
	return row[m];
}

const char *
ph_nearest(const char *text, const char *const *words)
{
	const char *best = NULL;
	size_t least = strlen(text) / 3 + 1;
	for (; *words != NULL; words++) {
		size_t edits = distance(text, *words);
		if (edits <= least) {
			least = edits;
			best = *words;
			if (edits == 0)
				break;
			least = edits - 1;
		}
	}
	return best;
}
