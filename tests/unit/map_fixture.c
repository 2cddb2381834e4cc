#include "tests/unit/map_fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char schema[] =
    "{\"$id\": \"urn:test:thing:1\", \"x-entity\": \"thing\", \"x-version\": 1,\n"
    " \"x-id-prefix\": \"TH\", \"x-subject\": \"ref\", \"x-event-time\": \"at\",\n"
    " \"x-status-projection\": {\"keep\": [\"a\", \"sub.x\"], \"from\": "
    "{\"urn:other\": "
    "{\"b\": \"status\"}}},\n"
    " \"type\": \"object\", \"additionalProperties\": false, \"required\": [\"a\"],\n"
    " \"properties\": {\n"
    "  \"a\": {\"type\": \"string\"}, \"c\": {\"type\": \"string\", \"maxLength\": "
    "5},\n"
    "  \"b\": {\"type\": \"string\", \"x-label\": \"public\", \"x-attribute\": "
    "\"bee\"},\n"
    "  \"ref\": {\"type\": \"string\"},\n"
    "  \"n\": {\"type\": \"number\"}, \"t\": {\"type\": \"boolean\"},\n"
    "  \"at\": {\"type\": \"string\", \"format\": \"date-time\"},\n"
    "  \"s\": {\"enum\": [\"open\", \"fixed\"]},\n"
    "  \"tags\": {\"type\": \"array\", \"items\": {\"type\": \"object\",\n"
    "    \"properties\": {\"name\": {\"type\": \"string\"}}}},\n"
    "  \"attributes\": {\"type\": \"array\", \"items\": {\"type\": \"object\",\n"
    "    \"properties\": {\"code\": {\"type\": \"string\"},\n"
    "    \"value\": {\"type\": \"string\"}}}},\n"
    "  \"sub\": {\"type\": \"object\", \"properties\": {\"x\": {\"type\": "
    "\"number\"},\n"
    "    \"y\": {\"type\": \"number\"}}}\n"
    " }}\n";

void
map_fixture_init(map_fixture *fixture)
{
	static const char *const folders[] = {"maps", "codes", "schemas"};
	char path[128];
	memset(fixture, 0, sizeof *fixture);
	strcpy(fixture->folder, "/tmp/packhorse-map-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(fixture->folder));
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof path, "%s/%s", fixture->folder, folders[i]);
		ck_assert_int_eq(mkdir(path, 0700), 0);
	}
	fixture->folders[0] = fixture->folder;
	map_fixture_file(fixture, "schemas/thing.v1.schema.json", schema);
}

void
map_fixture_fini(map_fixture *fixture)
{
	char command[128];
	snprintf(command, sizeof command, "rm -r '%s'", fixture->folder);
	ck_assert_int_eq(system(command), 0);
}

void
map_fixture_file(map_fixture *fixture, const char *name, const char *text)
{
	char path[160];
	snprintf(path, sizeof path, "%s/%s", fixture->folder, name);
	FILE *file = fopen(path, "wb");
	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(text, 1, strlen(text), file), strlen(text));
	ck_assert_int_eq(fclose(file), 0);
}

ph_map *
map_fixture_map(map_fixture *fixture, const char *text)
{
	ph_map *map = NULL;
	map_fixture_file(fixture, "maps/m.yaml", text);
	memset(&fixture->err, 0, sizeof fixture->err);
	if (ph_map_load("m", fixture->folders, &map, &fixture->err) != PH_OK)
		return NULL;
	return map;
}

ph_map *
map_fixture_links(map_fixture *fixture, const char *links)
{
	static const char head[] =
	    "map: m\ncanonical: thing@1\nvendor: {format: json}\n"
	    "drop: {canonical: [a, b, c, ref, n, t, at, s, tags, "
	    "attributes, sub]}\nlinks:\n";
	char text[4096];
	snprintf(text, sizeof text, "%s%s\n", head, links);
	return map_fixture_map(fixture, text);
}

static void
set_values(ph_map_call *call, const char *values)
{
	char copy[1024], *save = NULL;
	snprintf(copy, sizeof copy, "%s", values);
	for (char *pair = strtok_r(copy, ";", &save); pair != NULL;
	     pair = strtok_r(NULL, ";", &save)) {
		char *equals = strchr(pair, '=');
		ck_assert_ptr_nonnull(equals);
		*equals = '\0';
		if (strncmp(pair, "ref.", 4) != 0)
			ck_assert_int_eq(
			    ph_map_call_set(call, pair, equals + 1, NULL), PH_OK);
	}
}

/* "ref.KEY=ID" of the values, or NULL. */
static const char *
find_reference(const char *values, const char *key, char out[128])
{
	char wanted[256];
	snprintf(wanted, sizeof wanted, "ref.%s=", key);
	const char *found = values == NULL ? NULL : strstr(values, wanted);
	if (found == NULL)
		return NULL;
	found += strlen(wanted);
	snprintf(out, 128, "%.*s", (int) strcspn(found, ";"), found);
	return out;
}

static char *
first_record(const ph_map_call *call)
{
	char text[1024];
	size_t length;
	if (ph_map_call_count(call) == 0)
		return strdup("(none)");
	ph_map_result result = ph_map_call_result(call, 0);
	if (result == PH_MAP_DONE) {
		const char *data = ph_map_call_data(call, 0, &length);
		char *copy = malloc(length + 1);
		memcpy(copy, data, length);
		copy[length] = '\0';
		return copy;
	}
	snprintf(text, sizeof text, "!%d %s %.6s %s", (int) result,
	    ph_map_call_reason(call, 0), ph_map_call_error(call, 0)->text,
	    ph_map_call_path(call, 0));
	return strdup(text);
}

char *
map_fixture_run(const ph_map *map, ph_map_direction direction, const char *bytes,
    const char *values)
{
	ph_map_call *call = NULL;
	const char *key;
	char answer[128];
	ck_assert_int_eq(
	    ph_map_call_new(map, direction, 0, bytes, strlen(bytes), &call, NULL),
	    PH_OK);
	if (values != NULL)
		set_values(call, values);
	for (size_t i = 0;
	     ph_map_call_reference(call, i, NULL, NULL, NULL, &key) == PH_OK; i++)
		ck_assert_int_eq(ph_map_call_answer(call, i,
				     find_reference(values, key, answer), NULL),
		    PH_OK);
	ck_assert_int_eq(ph_map_call_run(call, NULL), PH_OK);
	char *out = first_record(call);
	ph_map_call_destroy(&call);
	return out;
}
