/*
 * targets_maps - what people write: YAML, record descriptions, schemas and maps, with a
 * document put through each that is taken.
 */
#include <stdlib.h>
#include <string.h>

#include <packhorse/map.h>

#include "adapters/host/reduce.h"
#include "lib/base/assert.h"
#include "lib/codec/codec.h"
#include "lib/codec/records.h"
#include "lib/codec/xsd.h"
#include "lib/codec/xsd_shape.h"
#include "lib/config/config.h"
#include "tests/fuzz/folder.h"
#include "tests/fuzz/targets.h"
#include "transform/reply.h"
#include "transform/schema.h"

#define LIMIT ((size_t) 64 << 20)

static ph_document *
new_document(void)
{
	ph_document *document = NULL;
	ph_status status = ph_document_new("input", LIMIT, &document, NULL);
	PH_ASSERT(status == PH_OK);
	return document;
}

static ph_document *
read_yaml(const uint8_t *bytes, size_t length)
{
	ph_document *document = new_document();
	ph_error err = {0};
	ph_status status = ph_yaml_decode(document, bytes, length, 0, &err);
	if (status == PH_OK)
		return document;
	PH_ASSERT(status == PH_ERR_INVALID || status == PH_ERR_TOO_LARGE);
	PH_ASSERT(strncmp(err.where, "input", 5) == 0 && err.text[0] != '\0');
	ph_document_destroy(&document);
	return NULL;
}

void
ph_target_yaml(const uint8_t *bytes, size_t length)
{
	ph_document *document = read_yaml(bytes, length);
	ph_document_destroy(&document);
}

/* A description, and a file that it may describe. */
void
ph_target_description(const uint8_t *bytes, size_t length)
{
	size_t end = ph_target_split(bytes, length);
	ph_document *description = read_yaml(bytes, end);
	ph_records *records = NULL;
	ph_error err = {0};
	if (description == NULL)
		return;
	if (ph_records_new(&description, &records, &err) != PH_OK) {
		PH_ASSERT(err.text[0] != '\0');
		return;
	}
	ph_document *document = new_document();
	if (end < length && ph_records_decode(records, document, bytes + end + 1,
				length - end - 1, &err) == PH_OK) {
		ph_buffer out;
		ph_buffer_init(&out, 0);
		(void) ph_records_encode(
		    records, ph_document_root(document), &out, &err);
		ph_buffer_fini(&out);
	}
	ph_document_destroy(&document);
	ph_records_destroy(&records);
}

static void
check_with(unsigned flags, const uint8_t *bytes, size_t end, size_t length)
{
	ph_schema *schema = NULL;
	ph_error err = {0};
	ph_status status =
	    ph_schema_parse_with("input", bytes, end, NULL, flags, &schema, &err);
	if (status != PH_OK) {
		PH_ASSERT(err.text[0] != '\0');
		return;
	}
	ph_document *document = new_document();
	if (end < length && ph_json_decode(document, bytes + end + 1, length - end - 1,
				NULL) == PH_OK) {
		ph_violation violation = {0};
		status = ph_schema_check(
		    schema, document, ph_document_root(document), 0, &violation);
		PH_ASSERT(status != PH_ERR_INVALID || violation.text[0] != '\0');
	}
	ph_document_destroy(&document);
	ph_schema_destroy(&schema);
}

/* A schema, as ours and as the standard's, and a document for it. */
void
ph_target_schema(const uint8_t *bytes, size_t length)
{
	size_t end = ph_target_split(bytes, length);
	check_with(0, bytes, end, length);
	check_with(PH_SCHEMA_STANDARD, bytes, end, length);
}

static const char thing[] =
    "{\"$schema\":\"https://json-schema.org/draft/2020-12/"
    "schema\",\"$id\":\"urn:x:thing:1\","
    "\"x-entity\":\"thing\",\"x-version\":1,\"type\":\"object\","
    "\"additionalProperties\":false,"
    "\"properties\":{\"a\":{\"type\":\"string\"},\"b\":{\"type\":\"string\"},"
    "\"n\":{\"type\":\"number\"},\"at\":{\"type\":\"string\",\"format\":\"date-time\"},"
    "\"tags\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
    "\"attributes\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{"
    "\"code\":{\"type\":\"string\"},\"value\":{\"type\":\"string\"}}}},"
    "\"sub\":{\"type\":\"object\",\"properties\":{\"x\":{\"type\":\"number\"},"
    "\"y\":{\"type\":\"number\"}}}}}";

/* What maps refer to. */
static void
make_folder(void)
{
	static const char codes[] = "x,canonical,in,out\n1,open,*,*\n2,shut,*,*\n";
	static bool made;
	if (made)
		return;
	made = true;
	ph_fuzz_make("maps");
	ph_fuzz_make("schemas");
	ph_fuzz_make("codes");
	ph_fuzz_put("schemas/thing.v1.schema.json", thing, sizeof thing - 1);
	ph_fuzz_put("codes/c.csv", codes, sizeof codes - 1);
}

/* The bytes of one record alone are a document of the map's too. */
static void
take_out(const ph_map *map, const ph_map_call *call, size_t record)
{
	char *alone = NULL;
	size_t length = 0;
	ph_map_call *again = NULL;
	ph_error err = {0};
	if (ph_map_call_source(call, record, &alone, &length, &err) != PH_OK)
		return;
	if (ph_map_call_new(
		map, PH_MAP_IN, PH_MAP_ALONE, alone, length, &again, &err) == PH_OK)
		PH_ASSERT(ph_map_call_count(again) > 0);
	ph_map_call_destroy(&again);
	free(alone);
}

static void
run_map(const ph_map *map, ph_map_direction direction, const void *bytes, size_t length)
{
	ph_map_call *call = NULL;
	ph_error err = {0};
	if (!ph_map_goes(map, direction) ||
	    ph_map_call_new(map, direction, 0, bytes, length, &call, &err) != PH_OK)
		return;
	(void) ph_map_call_set(call, "accepted_at", "2024-01-02T03:04:05Z", NULL);
	if (direction == PH_MAP_OUT)
		(void) ph_map_call_previous(call, bytes, length, &err);
	ph_status status = ph_map_call_run(call, &err);
	for (size_t i = 0; status == PH_OK && i < ph_map_call_count(call); i++) {
		size_t size = 0;
		if (ph_map_call_result(call, i) == PH_MAP_DONE)
			PH_ASSERT(ph_map_call_data(call, i, &size) != NULL);
		else
			PH_ASSERT(ph_map_call_error(call, i) != NULL);
		if (direction == PH_MAP_IN && i < 4)
			take_out(map, call, i);
	}
	ph_map_call_destroy(&call);
}

/* A map, then a vendor's bytes for it, or a canonical document. */
void
ph_target_map(const uint8_t *bytes, size_t length)
{
	const char *folders[] = {ph_fuzz_folder(), NULL};
	size_t end = ph_target_split(bytes, length);
	ph_map *map = NULL;
	ph_error err = {0};
	make_folder();
	ph_fuzz_put("maps/m.yaml", bytes, end);
	if (ph_map_load("m", folders, &map, &err) != PH_OK) {
		PH_ASSERT(err.text[0] != '\0');
		return;
	}
	if (end < length) {
		run_map(map, PH_MAP_IN, bytes + end + 1, length - end - 1);
		run_map(map, PH_MAP_OUT, bytes + end + 1, length - end - 1);
	}
	ph_map_destroy(&map);
}

/* An XML Schema, what it allows, and a document that is held to it. */
void
ph_target_xsd(const uint8_t *bytes, size_t length)
{
	char name[PH_FUZZ_PATH], path[PH_XSD_PATH];
	size_t end = ph_target_split(bytes, length);
	ph_xsd *schema = NULL;
	ph_error err = {0};
	make_folder();
	ph_fuzz_put("schemas/x.xsd", bytes, end);
	if (ph_xsd_load(ph_fuzz_path("schemas/x.xsd", name), &schema, &err) != PH_OK) {
		PH_ASSERT(strncmp(err.text, "PH", 2) == 0);
		return;
	}
	ph_xsd_shape *shape = NULL;
	if (ph_xsd_shape_new(schema, &shape, &err) != PH_OK)
		PH_ASSERT(strncmp(err.text, "PH", 2) == 0);
	ph_xsd_shape_destroy(&shape);
	if (end < length && ph_xsd_check(schema, "input", bytes + end + 1,
				length - end - 1, 0, path, &err) != PH_OK)
		PH_ASSERT(strncmp(err.text, "PH", 2) == 0);
	ph_xsd_destroy(&schema);
}

/* ---- what a vendor answered ---- */

static const ph_map *
soap_map(void)
{
	static const char text[] =
	    "map: r\ncanonical: none\nvendor:\n  format: soap\n  namespaces: {v: "
	    "\"urn:v\"}\n  unprefixed: v\n  root: v:Q\nlinks:\n  - const(\"1\") -> x\n";
	static ph_map *map;
	const char *folders[] = {ph_fuzz_folder(), NULL};
	if (map != NULL)
		return map;
	make_folder();
	ph_fuzz_put("maps/r.yaml", text, sizeof text - 1);
	ph_status status = ph_map_load("r", folders, &map, NULL);
	PH_ASSERT(status == PH_OK);
	return map;
}

/* What was sent without a field is of the same format, and has it no more. */
static void
send_without(ph_map_format format, const char *path, const void *bytes, size_t length)
{
	ph_buffer once, twice;
	ph_error err = {0};
	ph_buffer_init(&once, 0);
	ph_buffer_init(&twice, 0);
	if (ph_reduce(format, bytes, length, path, &once, &err) == PH_OK) {
		ph_status status =
		    ph_reduce(format, once.data, once.length, path, &twice, &err);
		PH_ASSERT(status == PH_ERR_NOT_FOUND);
	}
	ph_buffer_fini(&once);
	ph_buffer_fini(&twice);
}

static void
judge(const ph_node *rules, const ph_document *document, const ph_map *map,
    const void *bytes, size_t length)
{
	ph_reply *reply = NULL;
	ph_verdict verdict;
	ph_error err = {0};
	if (ph_reply_load(document, rules, map, &reply, &err) != PH_OK) {
		PH_ASSERT(strncmp(err.text, "PH", 2) == 0);
		return;
	}
	ph_status status = ph_reply_judge(
	    reply, (unsigned) length % 600, bytes, length, &verdict, &err);
	PH_ASSERT(status == PH_OK);
	PH_ASSERT(verdict.outcome >= PH_DELIVERED && verdict.outcome <= PH_UNKNOWN);
	if (verdict.without[0] != '\0')
		send_without(map == NULL ? PH_MAP_JSON : PH_MAP_SOAP, verdict.without,
		    bytes, length);
	ph_reply_destroy(&reply);
}

/* A list of rules, then an answer, which is judged as JSON and as SOAP. */
void
ph_target_reply(const uint8_t *bytes, size_t length)
{
	size_t end = ph_target_split(bytes, length);
	ph_document *document = read_yaml(bytes, end);
	const uint8_t *answer = bytes + end + (end < length);
	size_t rest = length - end - (end < length);
	if (document == NULL)
		return;
	const ph_node *rules = ph_document_root(document);
	judge(rules, document, NULL, answer, rest);
	judge(rules, document, soap_map(), answer, rest);
	ph_document_destroy(&document);
}
