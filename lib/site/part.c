/*
 * How it works: what reading the parts of a site shares. Every file is read here, so that its bytes
 * enter the digest and its document is kept in the one list.
 */
#include "lib/site/part.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/fs.h"
#include "lib/base/table.h"
#include "lib/config/config.h"

#define FILE_MAX     (1u << 20)
#define DOCUMENT_MAX (32u << 20)

ph_status
ph_site_no_room(ph_error *err)
{
	return ph_fail(
	    err, PH_ERR_TOO_LARGE, "PH1301 the configuration takes too much memory");
}

ph_status
ph_site_read(ph_site_whole *whole, const char *path, ph_document **out, ph_error *err)
{
	static const uint8_t plain[16];
	ph_document *document = NULL;
	char *bytes = NULL;
	size_t length = 0;
	if (whole->document_count == PH_SITE_FILES_MAX)
		return ph_site_no_room(err);
	ph_status status = ph_fs_slurp(path, FILE_MAX, &bytes, &length, err);
	if (status != PH_OK)
		return ph_fail_at(err, status, path,
		    status == PH_ERR_NOT_FOUND
			? "PH1302 there is no such file"
			: "PH1303 the file cannot be read, or is over 1 MiB");
	status = ph_document_new(path, DOCUMENT_MAX, &document, err);
	if (status == PH_OK)
		status = ph_yaml_decode(document, bytes, length, PH_CONFIG_EXPAND, err);
	whole->site.digest = whole->site.digest * 31 + ph_siphash(plain, bytes, length);
	free(bytes);
	if (status != PH_OK) {
		ph_document_destroy(&document);
		return status;
	}
	whole->documents[whole->document_count++] = document;
	*out = document;
	return PH_OK;
}

bool
ph_site_list_add(ph_site_whole *whole, ph_site_list *list, const char *text)
{
	const char **at =
	    ph_arena_alloc(whole->arena, (list->count + 2) * sizeof(char *));
	if (at == NULL || text == NULL)
		return false;
	if (list->count > 0)
		memcpy(at, list->at, list->count * sizeof(char *));
	at[list->count] = text;
	at[list->count + 1] = NULL;
	list->at = at;
	list->count++;
	return true;
}

ph_status
ph_site_texts(ph_site_whole *whole, const ph_document *document, const ph_node *object,
    const char *name, ph_site_list *out, ph_error *err)
{
	static const char *nothing[] = {NULL};
	ph_node *member = ph_node_get(object, name);
	*out = (ph_site_list){.at = nothing};
	if (member == NULL)
		return PH_OK;
	bool list = member->kind == PH_NODE_LIST;
	if (!list && (!ph_node_is_scalar(member) || member->text == NULL))
		return ph_config_fail(err, document, member,
		    "PH1304 %s takes a text or a list of texts", name);
	for (ph_node *at = list ? member->first : member; at != NULL;
	     at = list ? at->next : NULL) {
		if (!ph_node_is_scalar(at) || at->text == NULL)
			return ph_config_fail(err, document, at,
			    "PH1304 %s takes a text or a list of texts", name);
		if (!ph_site_list_add(whole, out, at->text))
			return ph_site_no_room(err);
	}
	return PH_OK;
}

const char *
ph_site_path(ph_site_whole *whole, const char *directory, const char *path)
{
	if (path[0] == '/')
		return ph_arena_strdup(whole->arena, path);
	return ph_arena_printf(whole->arena, "%s/%s", directory, path);
}

bool
ph_site_name_ok(const char *name)
{
	size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");
	return length > 0 && length <= PH_SITE_NAME_MAX && name[length] == 0 &&
	       name[0] != '-';
}
