/*
 * The tree for the plug-in is built beside the file's: each node of ours remembers the one it was made
 * from, so that what the schema refuses is shown where a person wrote it.
 */
#include "adapters/host/block.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "adapters/host/secrets.h"
#include "lib/base/assert.h"
#include "lib/base/table.h"
#include "lib/codec/codec.h"
#include "lib/config/config.h"
#include "transform/schema.h"

enum { BLOCK_LIMIT = 32 << 20, PATH_SIZE = 512 };

typedef struct builder {
	const ph_site *site;
	const ph_site_adapter *adapter;
	ph_document *document; /* what is built */
	ph_table *origins;     /* node of ours (its address) -> node of the file */
	ph_error *err;
} builder;

/* The lists that are shared between host and plug-in, and the host's keys in them. */
static const char *const send_keys[] = {
    "on", "map", "reply", "deadline", "probe", "previous", NULL};
static const char *const poll_keys[] = {
    "every", "request", "map", "reply", "window", "deadline", NULL};
static const char *const receive_keys[] = {"map", "on", NULL};
static const struct {
	const char *name;
	const char *const *own;
} lists[] = {{"send", send_keys}, {"poll", poll_keys}, {"receive", receive_keys}};

const char *const *
ph_block_own_keys(const char *list)
{
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		if (!strcmp(lists[i].name, list))
			return lists[i].own;
	PH_UNREACHABLE("an unknown list");
}

static bool
among(const char *word, const char *const *words)
{
	for (; *words; words++)
		if (!strcmp(word, *words))
			return true;
	return false;
}

static ph_node *
keep(builder *b, ph_node *made, const ph_node *origin)
{
	if (!made)
		return NULL;
	made->line = origin->line;
	made->column = origin->column;
	union {
		const ph_node *lent;
		void *kept;
	} value = {origin};
	if (ph_table_put(b->origins, &made, sizeof(made), value.kept, b->err))
		return NULL;
	return made;
}

/* The item of a list by its number, or the member of that name; NULL if there is none. */
static const ph_node *
step(const ph_node *node, const char *word)
{
	if (node->kind == PH_NODE_OBJECT)
		return ph_node_get(node, word);
	if (node->kind != PH_NODE_LIST || word[strspn(word, "0123456789")])
		return NULL;
	unsigned long left = strtoul(word, NULL, 10);
	const ph_node *at = node->first;
	for (; at && left; left--)
		at = at->next;
	return at;
}

char *
ph_block_where(const ph_site_adapter *adapter, const char *path, char *out, size_t size)
{
	const ph_node *node = adapter->root;
	char word[PATH_SIZE];
	for (bool first = true; *path; first = false) {
		size_t length = strcspn(path, "/");
		snprintf(word, sizeof word, "%.*s", (int) length, path);
		bool block = first && !strcmp(word, "transport");
		const ph_node *next = step(node, block ? adapter->transport : word);
		if (!next)
			break;
		node = next;
		path += length + (path[length] == '/');
	}
	return ph_site_where(adapter, node, out, size);
}

static ph_status
fail_at(builder *b, const ph_node *origin, const char *text)
{
	char where[PH_ERROR_WHERE];
	ph_site_where(b->adapter, origin, where, sizeof where);
	return ph_fail_at(b->err, PH_ERR_INVALID, where, "%s", text);
}

/* {secret: NAME}? */
static bool
is_single(const ph_node *node, const char *name)
{
	return node->kind == PH_NODE_OBJECT && node->count == 1 &&
	       !strcmp(node->first->name, name) && ph_node_is_scalar(node->first);
}

static ph_node *
from_secret(builder *b, const ph_node *node)
{
	char *text = NULL;
	size_t length = 0;
	ph_status status = ph_secret_read(
	    b->site->directory, node->first->text, &text, &length, b->err);
	if (status) {
		/* the text says which file; the place is where it was asked for */
		ph_site_where(b->adapter, node, b->err->where, sizeof b->err->where);
		return NULL;
	}
	ph_node *made = ph_node_new(b->document, PH_NODE_STRING, text, length);
	ph_secret_free(&text);
	return keep(b, made, node);
}

static ph_node *
copy_row(builder *b, const ph_node *row)
{
	ph_node *made = ph_node_new(b->document, PH_NODE_OBJECT, NULL, 0);
	for (const ph_node *at = row->first; at && made; at = at->next)
		ph_node_add_text(b->document, made, at->name, at->text, at->length);
	return made;
}

static ph_node *
from_table(builder *b, const ph_node *node)
{
	char path[4096];
	if (ph_site_find(b->site, b->adapter, "codes", node->first->text, path,
		sizeof path, b->err))
		return NULL;
	ph_document *table = NULL;
	if (ph_csv_load(path, &table, b->err))
		return NULL;
	ph_node *made = ph_node_new(b->document, PH_NODE_LIST, NULL, 0);
	for (const ph_node *row = ph_document_root(table)->first; row && made;
	     row = row->next)
		ph_node_add(b->document, made, NULL, copy_row(b, row));
	ph_document_destroy(&table);
	return keep(b, made, node);
}

static ph_node *copy(builder *b, const ph_node *node, const char *const *without);

static ph_node *
copy_children(
    builder *b, ph_node *made, const ph_node *node, const char *const *without)
{
	for (const ph_node *at = node->first; at; at = at->next) {
		if (without && at->name && among(at->name, without))
			continue;
		ph_node *child = copy(b, at, NULL);
		if (!child)
			return NULL;
		ph_node_add(b->document, made, at->name, child);
	}
	return made;
}

/* A copy with secrets and tables in their place; NULL after an error. */
static ph_node *
copy(builder *b, const ph_node *node, const char *const *without)
{
	if (is_single(node, "secret"))
		return from_secret(b, node);
	if (is_single(node, "table"))
		return from_table(b, node);
	bool scalar = ph_node_is_scalar(node);
	ph_node *made = ph_node_new(b->document, (ph_node_kind) node->kind,
	    scalar ? node->text : NULL, scalar ? node->length : 0);
	if (!keep(b, made, node))
		return NULL;
	return scalar ? made : copy_children(b, made, node, without);
}

/* A list's entries without the host's keys. */
static ph_status
add_list(builder *b, ph_node *root, const char *name, const char *const *own)
{
	const ph_node *list = ph_node_get(b->adapter->root, name);
	ph_node *made = ph_node_new(b->document, PH_NODE_LIST, NULL, 0);
	if (!made)
		return ph_fail(b->err, PH_ERR_NOMEM, "out of memory");
	ph_node_add(b->document, root, name, list ? keep(b, made, list) : made);
	if (!list || list->kind == PH_NODE_NULL)
		return PH_OK;
	if (list->kind != PH_NODE_LIST)
		return fail_at(b, list, "PH4023 a list of entries is needed here");
	for (const ph_node *entry = list->first; entry; entry = entry->next) {
		if (entry->kind != PH_NODE_OBJECT)
			return fail_at(b, entry, "PH4023 an entry is a mapping");
		ph_node *child = copy(b, entry, own);
		if (!child)
			return b->err->status;
		ph_node_add(b->document, made, NULL, child);
	}
	return PH_OK;
}

static ph_status
build_tree(builder *b, ph_node **root_p)
{
	const ph_node *file = b->adapter->root;
	ph_node *root = ph_node_new(b->document, PH_NODE_OBJECT, NULL, 0);
	if (!keep(b, root, file))
		return ph_fail(b->err, PH_ERR_NOMEM, "out of memory");
	ph_node_add_text(
	    b->document, root, "adapter", b->adapter->name, strlen(b->adapter->name));
	const ph_node *block = ph_node_get(file, b->adapter->transport);
	ph_node *made = block && block->kind == PH_NODE_OBJECT
			    ? copy(b, block, NULL)
			    : ph_node_new(b->document, PH_NODE_OBJECT, NULL, 0);
	if (!made)
		return b->err->status ? b->err->status
				      : ph_fail(b->err, PH_ERR_NOMEM, "out of memory");
	ph_node_add(b->document, root, "transport", made);
	ph_status status = PH_OK;
	for (size_t i = 0; i < sizeof lists / sizeof *lists && !status; i++)
		status = add_list(b, root, lists[i].name, lists[i].own);
	*root_p = root;
	return status;
}

/* The questions beside a delivery are sent as entries are, so they are held to the same rules. They
 * are not part of what the plug-in gets. */
static ph_status
add_questions(builder *b, ph_node *root)
{
	static const char *const names[] = {"probe", "previous"};
	const ph_node *list = ph_node_get(b->adapter->root, "send");
	ph_node *made = ph_node_get(root, "send");
	for (const ph_node *entry = list ? list->first : NULL; entry;
	     entry = entry->next)
		for (size_t i = 0; i < 2; i++) {
			const ph_node *question = ph_node_get(entry, names[i]);
			if (!question || question->kind != PH_NODE_OBJECT)
				continue;
			ph_node *child = copy(b, question, send_keys);
			if (!child)
				return b->err->status ? b->err->status
						      : ph_fail(b->err, PH_ERR_NOMEM,
							    "out of memory");
			ph_node_add(b->document, made, NULL, child);
		}
	return PH_OK;
}

/* A scalar as what the schema wants it to be, if it can be that. */
static void
coerce_scalar(ph_node *node, unsigned types)
{
	if (node->kind != PH_NODE_STRING || (types & PH_TYPE_STRING))
		return;
	bool yes = !strcmp(node->text, "yes") || !strcmp(node->text, "true");
	bool no = !strcmp(node->text, "no") || !strcmp(node->text, "false");
	if ((types & PH_TYPE_BOOLEAN) && (yes || no)) {
		node->kind = PH_NODE_BOOLEAN;
		node->text = yes ? "true" : "false";
		node->length = strlen(node->text);
	} else if ((types & (PH_TYPE_NUMBER | PH_TYPE_INTEGER)) &&
		   ph_number_valid(node->text, node->length)) {
		node->kind = PH_NODE_NUMBER;
	}
}

static void
coerce(const ph_schema *schema, ph_node *node, char *path, size_t length)
{
	if (ph_node_is_scalar(node)) {
		const ph_rule *rule = ph_schema_field(schema, path);
		if (rule)
			coerce_scalar(node, ph_rule_types(rule));
		return;
	}
	for (ph_node *at = node->first; at; at = at->next) {
		int more = at->name ? snprintf(path + length, PATH_SIZE - length,
					  "%s%s", length ? "." : "", at->name)
				    : snprintf(path + length, PATH_SIZE - length, "[]");
		if (more > 0 && length + (size_t) more < PATH_SIZE)
			coerce(schema, at, path, length + (size_t) more);
		path[length] = '\0';
	}
}

static ph_status
refuse(builder *b, const ph_violation *wrong)
{
	const ph_node *origin = NULL;
	for (const ph_node *at = wrong->node; at && !origin; at = at->parent)
		origin = ph_table_get(b->origins, &at, sizeof(at));
	char where[PH_ERROR_WHERE] = "";
	if (origin)
		ph_site_where(b->adapter, origin, where, sizeof where);
	const char *path = wrong->path;
	if (!strncmp(path, "transport.", 10))
		path += 10;
	return ph_fail_at(b->err, PH_ERR_INVALID, where,
	    "%s (%s, as transport %s wants it)", wrong->text, path,
	    b->adapter->transport);
}

static ph_status
check(builder *b, const ph_plugin *plugin, ph_node *root)
{
	ph_schema *schema = NULL;
	const char *text = ph_plugin_manifest(plugin)->schema;
	ph_status status = ph_schema_parse(
	    ph_plugin_path(plugin), text, strlen(text), &schema, b->err);
	if (status)
		return status;
	char path[PATH_SIZE] = "";
	ph_violation wrong;
	coerce(schema, root, path, 0);
	status = ph_schema_check(schema, b->document, root, 0, &wrong);
	if (status == PH_ERR_INVALID)
		status = refuse(b, &wrong);
	else if (status)
		status = ph_fail(b->err, status, "out of memory");
	ph_schema_destroy(&schema);
	return status;
}

static ph_status
check_questions(builder *b, const ph_plugin *plugin)
{
	ph_node *root = NULL;
	ph_status status = build_tree(b, &root);
	if (!status)
		status = add_questions(b, root);
	return status ? status : check(b, plugin, root);
}

ph_status
ph_block_build(const ph_site *site, const ph_site_adapter *adapter,
    const ph_plugin *plugin, ph_buffer *out, ph_error *err)
{
	ph_error unread = {.status = PH_OK};
	builder b = {.site = site, .adapter = adapter, .err = err ? err : &unread};
	ph_node *root = NULL;
	ph_status status =
	    ph_document_new(adapter->file, BLOCK_LIMIT, &b.document, b.err);
	if (!status)
		status = ph_table_new(&b.origins, b.err);
	if (!status)
		status = build_tree(&b, &root);
	if (!status)
		status = check(&b, plugin, root);
	if (!status)
		status = check_questions(&b, plugin);
	if (!status)
		status = ph_json_encode(root, 0, out, b.err);
	ph_table_destroy(&b.origins, NULL);
	ph_document_destroy(&b.document);
	return status;
}
