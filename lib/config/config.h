/*
 * config - the files that people write: a strict YAML subset, and CSV code tables.
 *
 * YAML 1.2 core without anchors, aliases, tags, directives, multiple documents,
 * duplicate keys or tabs; at most 1 MiB and 32 deep. Every scalar stays text (`NO`,
 * `007`, `12:30`): its kind in the tree is string, and what it means is for its schema
 * to say; an empty plain scalar is null. "${NAME:-default}" in a scalar of broker and
 * adapter files is replaced from the environment when PH_CONFIG_EXPAND is given; an
 * unset name without a default is an error. "$${" is "${" itself. A file with nothing
 * in it has a null root. Tabs are refused anywhere, comments included.
 *
 * Where a member's value is a scalar, its line and column are the value's; a list's,
 * mapping's or null's are those of its name. ph_node_key_place says where the name
 * stood in either case.
 *
 * Thread: pure. Errors: "file:line:col" in `where` and "PH1nnn text" in the text.
 */
#ifndef PH_CONFIG_H
#define PH_CONFIG_H

#include "lib/document/document.h"

enum { PH_CONFIG_EXPAND = 1 };

/* Read one YAML file (or bytes) into a fresh document. */
ph_status ph_yaml_load(
    const char *path, unsigned flags, ph_document **out, ph_error *err);
ph_status ph_yaml_decode(ph_document *document, const void *bytes, size_t length,
    unsigned flags, ph_error *err);

/* Read a CSV file (RFC 4180, UTF-8, BOM tolerated, first row = column names) into a
 * fresh document: a list of objects, one per row; every value a string as written
 * (leading zeros kept). Refused with line: ragged rows, duplicate column names, bad
 * quotes, bad UTF-8; blank lines are skipped. */
ph_status ph_csv_load(const char *path, ph_document **out, ph_error *err);
ph_status ph_csv_decode(
    ph_document *document, const void *bytes, size_t length, ph_error *err);

/* A configuration error at a node: where = file:line:col. */
ph_status ph_config_fail(ph_error *err, const ph_document *document,
    const ph_node *node, const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Refuse members of `object` that are not in the NULL-terminated list (names the
 * nearest known one). NULL and a null node have no members; a list or a text is
 * refused. */
ph_status ph_config_known(const ph_document *document, const ph_node *object,
    const char *const *known, ph_error *err);
/* Readers of one member with a default, for when the name is not there; a wrong form,
 * and a name with nothing behind it, is a located error. Durations: "250ms" "10s" "5m"
 * "2h" "7d"; sizes: "64k" "8M" "1G" (powers of 1024) or plain bytes; booleans:
 * yes/no/true/false. */
ph_status ph_config_text(const ph_document *d, const ph_node *object, const char *name,
    const char *fallback, const char **out, ph_error *err);
ph_status ph_config_number(const ph_document *d, const ph_node *object,
    const char *name, int64_t least, int64_t most, int64_t fallback, int64_t *out,
    ph_error *err);
ph_status ph_config_duration(const ph_document *d, const ph_node *object,
    const char *name, int64_t fallback_ms, int64_t *ms, ph_error *err);
ph_status ph_config_size(const ph_document *d, const ph_node *object, const char *name,
    int64_t fallback, int64_t *bytes, ph_error *err);
ph_status ph_config_boolean(const ph_document *d, const ph_node *object,
    const char *name, bool fallback, bool *out, ph_error *err);

#endif
