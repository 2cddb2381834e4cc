/*
 * offline - no broker is asked: references are answered from what the caller gives.
 */
#include "cli/offline.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/assert.h"

#ifndef PH_DATADIR
#define PH_DATADIR "/usr/share/packhorse"
#endif

bool
ph_offline_is_folder(const char *path)
{
	struct stat info;
	return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* Cut the last part of a path off; "." if nothing is left. */
static void
up(char *path)
{
	char *slash = strrchr(path, '/');
	if (slash == NULL)
		memcpy(path, ".", 2);
	else if (slash == path)
		slash[1] = '\0';
	else
		*slash = '\0';
}

/* A file, a folder, or a map's name without .yaml, as its folder has it? */
static bool
is_there(const char *path, const char *connector)
{
	char other[1200];
	const char *slash = strrchr(path, '/');
	if (access(path, F_OK) == 0)
		return true;
	snprintf(other, sizeof other, "%s.yaml", path);
	if (access(other, F_OK) == 0)
		return true;
	snprintf(other, sizeof other, "%s/maps/%s.yaml", connector,
	    slash == NULL ? path : slash + 1);
	return access(other, F_OK) == 0;
}

ph_status
ph_offline_init(
    ph_offline *offline, const char *path, const char *schemas, ph_error *err)
{
	size_t length = strlen(path), count = 0;
	memset(offline, 0, sizeof *offline);
	if (length == 0 || length >= sizeof offline->connector - 8)
		return ph_fail(
		    err, PH_ERR_USAGE, "PH7301 the path is empty or too long");
	memcpy(offline->connector, path, length + 1);
	while (length > 1 && offline->connector[length - 1] == '/')
		offline->connector[--length] = '\0';
	if (!ph_offline_is_folder(path)) {
		bool in_maps;
		up(offline->connector);
		const char *last = strrchr(offline->connector, '/');
		last = last == NULL ? offline->connector : last + 1;
		in_maps = strcmp(last, "maps") == 0;
		if (in_maps)
			up(offline->connector);
	}
	if (!is_there(path, offline->connector))
		return ph_fail_at(err, PH_ERR_NOT_FOUND, path,
		    "PH7311 there is no file or folder of this name");
	snprintf(offline->beside, sizeof offline->beside, "%s/../../schemas",
	    offline->connector);
	offline->folders[count++] = offline->connector;
	if (schemas != NULL)
		offline->folders[count++] = schemas;
	offline->folders[count++] = offline->beside;
	offline->folders[count++] = PH_DATADIR "/schemas";
	PH_ASSERT(count < PH_OFFLINE_FOLDERS);
	return PH_OK;
}

static ph_status
set_values(ph_map_call *call, const ph_node *values, ph_error *err)
{
	ph_status status = PH_OK;
	const ph_node *node = values == NULL ? NULL : values->first;
	for (; node != NULL && status == PH_OK; node = node->next)
		status = ph_map_call_set(call, node->name, node->text, err);
	return status;
}

static ph_status
answer(ph_map_call *call, const ph_node *references, ph_error *err)
{
	const char *key;
	ph_status status = PH_OK;
	for (size_t i = 0; status == PH_OK; i++) {
		ph_status there =
		    ph_map_call_reference(call, i, NULL, NULL, NULL, &key);
		if (there != PH_OK)
			return there == PH_ERR_NOT_FOUND ? PH_OK : there;
		const ph_node *node =
		    references == NULL ? NULL : ph_node_get(references, key);
		if (node == NULL && references != NULL)
			node = ph_node_get(references, "*");
		status =
		    ph_map_call_answer(call, i, node == NULL ? NULL : node->text, err);
	}
	return status;
}

ph_status
ph_offline_call(ph_map_call *call, const ph_node *values, const ph_node *references,
    const ph_trace *trace, ph_error *err)
{
	ph_map_call_trace(call, trace);
	ph_status status = set_values(call, values, err);
	if (status == PH_OK)
		status = answer(call, references, err);
	return status == PH_OK ? ph_map_call_run(call, err) : status;
}

ph_status
ph_offline_complete(const ph_map *map, ph_map_direction direction, const void *bytes,
    size_t length, const ph_node *values, const ph_node *references,
    const void *previous, size_t previous_length, const ph_trace *trace,
    ph_map_call **out, ph_error *err)
{
	ph_map_call *call;
	/* with a previous record the message need not be whole */
	unsigned flags = previous == NULL ? 0 : PH_MAP_PARTIAL;
	ph_status status =
	    ph_map_call_new(map, direction, flags, bytes, length, &call, err);
	if (status != PH_OK)
		return status;
	if (previous != NULL)
		status = ph_map_call_previous(call, previous, previous_length, err);
	if (status == PH_OK)
		status = ph_offline_call(call, values, references, trace, err);
	if (status != PH_OK) {
		ph_map_call_destroy(&call);
		return status;
	}
	*out = call;
	return PH_OK;
}

ph_status
ph_offline_run(const ph_map *map, ph_map_direction direction, const void *bytes,
    size_t length, const ph_node *values, const ph_node *references,
    const ph_trace *trace, ph_map_call **out, ph_error *err)
{
	return ph_offline_complete(map, direction, bytes, length, values, references,
	    NULL, 0, trace, out, err);
}

const char *
ph_offline_result(ph_map_result result)
{
	switch (result) {
	case PH_MAP_DONE:
		return "done";
	case PH_MAP_IGNORED:
		return "ignored";
	case PH_MAP_HELD:
		return "held";
	case PH_MAP_REFUSED:
		return "refused";
	case PH_MAP_DENIED:
		return "denied";
	case PH_MAP_LATER:
		return "later";
	}
	PH_UNREACHABLE("result");
}
