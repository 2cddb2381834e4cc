/*
 * maps - how many documents a second go through a map, and what they take from the heap.
 *
 *   maps MAP in|out|both FILE SECONDS FOLDER...   one document, again and again
 *   maps MAP pieces FILE SECONDS FOLDER...   the file in pieces, as large ones are read
 *   maps sax2|sax2-parser-kept|jansson - FILE SECONDS   the same bytes through a bare reader
 *
 * Every turn is a call of its own: made, given its values, its references asked for, run and
 * destroyed. "both" sends a document in and the canonical one that comes of it out again.
 *
 * Prints one JSON line: {"us": per document, "bytes": of it, "records": made, "allocations":
 * {"object": per document}}. The object is the library that called malloc, calloc or realloc, counted
 * over turns of their own after the first: what is kept from one document to the next counts for
 * nothing.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <packhorse/map.h>

#include "bench/map/slices.h"
#include "bench/measure.h"

#define EXPORTED __attribute__((visibility("default")))
#define OBJECTS	 16
#define LARGEST	 ((size_t) 64 << 20) /* of documents that are read whole */
#define COUNTED	 64		     /* documents whose allocations are counted */

/* ---- allocations, by the object that asks ---- */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);

static struct {
	void *base;
	const char *name;
	uint64_t count;
} objects[OBJECTS];
static bool counting;

static void
count(void *caller)
{
	Dl_info info;
	if (!counting || dladdr(caller, &info) == 0)
		return;
	for (size_t i = 0; i < OBJECTS; i++) {
		if (objects[i].base != NULL && objects[i].base != info.dli_fbase)
			continue;
		objects[i].base = info.dli_fbase;
		objects[i].name = info.dli_fname;
		objects[i].count++;
		return;
	}
}

EXPORTED void *
malloc(size_t size)
{
	count(__builtin_return_address(0));
	return __libc_malloc(size);
}

EXPORTED void *
calloc(size_t number, size_t size)
{
	count(__builtin_return_address(0));
	return __libc_calloc(number, size);
}

EXPORTED void *
realloc(void *block, size_t size)
{
	count(__builtin_return_address(0));
	return __libc_realloc(block, size);
}

/* ---- a map ---- */

typedef struct work work;
struct work {
	char *bytes;
	size_t length, at;
	void (*turn)(work *w);
	size_t records;
	ph_map *map;
	bool in, out;
	xmlParserCtxtPtr parser;
};

static void
must(ph_status status, const ph_error *err)
{
	if (status != PH_OK)
		bench_die(err->text);
}

static void
set_values(ph_map_call *call, const ph_map *map)
{
	ph_error err = {0};
	const char *name;
	for (size_t i = 0; (name = ph_map_wants(map, i)) != NULL; i++)
		must(ph_map_call_set(call, name,
			 strcmp(name, "accepted_at") == 0 ? "2025-07-04T09:12:33Z"
							  : "bench",
			 &err),
		    &err);
}

static void
run_call(work *w, ph_map_call *call)
{
	ph_error err = {0};
	set_values(call, w->map);
	for (size_t i = 0;
	     ph_map_call_reference(call, i, NULL, NULL, NULL, NULL) == PH_OK; i++)
		must(ph_map_call_answer(call, i, "SR-7H3N5V8R2C6WD", &err), &err);
	must(ph_map_call_run(call, &err), &err);
	size_t count = ph_map_call_count(call);
	w->records += count;
	for (size_t i = 0; i < count; i++)
		if (ph_map_call_result(call, i) != PH_MAP_DONE)
			bench_die(ph_map_call_error(call, i)->text);
}

static ph_map_call *
run(work *w, ph_map_direction direction, const void *bytes, size_t length)
{
	ph_map_call *call = NULL;
	ph_error err = {0};
	w->records = 0;
	must(ph_map_call_new(w->map, direction, 0, bytes, length, &call, &err), &err);
	run_call(w, call);
	return call;
}

static ph_status
read_bytes(void *self, void *into, size_t size, size_t *got, ph_error *err)
{
	work *w = self;
	(void) err;
	size_t left = w->length - w->at;
	*got = left < size ? left : size;
	memcpy(into, w->bytes + w->at, *got);
	w->at += *got;
	return PH_OK;
}

static void
pieces_turn(work *w)
{
	ph_map_stream *stream = NULL;
	ph_map_call *call = NULL;
	ph_error err = {0};
	ph_status status = PH_OK;
	w->at = w->records = 0;
	must(ph_map_stream_open(w->map, read_bytes, w, &stream, &err), &err);
	while ((status = ph_map_stream_next(stream, &call, &err)) == PH_OK) {
		run_call(w, call);
		ph_map_call_destroy(&call);
	}
	if (status != PH_ERR_NOT_FOUND)
		must(status, &err);
	ph_map_stream_destroy(&stream);
}

static void
map_turn(work *w)
{
	const void *bytes = w->bytes;
	size_t length = w->length;
	ph_map_call *in = NULL;
	if (w->in) {
		in = run(w, PH_MAP_IN, bytes, length);
		bytes = ph_map_call_data(in, 0, &length);
	}
	if (w->out) {
		ph_map_call *out = run(w, PH_MAP_OUT, bytes, length);
		ph_map_call_destroy(&out);
	}
	ph_map_call_destroy(&in);
}

/* ---- bare readers ---- */

static void
on_start(void *self, const xmlChar *local, const xmlChar *prefix, const xmlChar *space,
    int space_count, const xmlChar **spaces, int number, int defaulted,
    const xmlChar **attributes)
{
	(void) local, (void) prefix, (void) space, (void) space_count, (void) spaces,
	    (void) number, (void) defaulted, (void) attributes;
	++*(size_t *) self;
}

static void
on_text(void *self, const xmlChar *text, int length)
{
	(void) self, (void) text, (void) length;
}

static xmlSAXHandler handler = {.initialized = XML_SAX2_MAGIC,
    .startElementNs = on_start,
    .characters = on_text,
    .ignorableWhitespace = on_text,
    .cdataBlock = on_text};

static void
sax_turn(work *w)
{
	size_t elements = 0;
	if (xmlSAXUserParseMemory(&handler, &elements, w->bytes, (int) w->length) != 0)
		bench_die("libxml2 does not take it");
	w->records = elements;
}

static void
sax_reused_turn(work *w)
{
	if (w->parser == NULL)
		w->parser = xmlNewParserCtxt();
	else
		xmlCtxtReset(w->parser);
	size_t elements = 0;
	*w->parser->sax = handler;
	w->parser->userData = &elements;
	xmlParserInputPtr input =
	    xmlNewStringInputStream(w->parser, (const xmlChar *) w->bytes);
	if (input == NULL || inputPush(w->parser, input) < 0 ||
	    xmlParseDocument(w->parser) != 0)
		bench_die("libxml2 does not take it");
	w->records = elements;
}

static void
jansson_turn(work *w)
{
	json_t *value = json_loadb(w->bytes, w->length, 0, NULL);
	bench_must(value != NULL, "jansson does not take it");
	json_decref(value);
	w->records = 1;
}

/* ---- measuring ---- */

static void
read_file(const char *path, work *w)
{
	FILE *in = fopen(path, "rb");
	bench_must(in != NULL && fseek(in, 0, SEEK_END) == 0, path);
	long size = ftell(in);
	rewind(in);
	char *bytes = malloc((size_t) size + 1);
	bench_must(
	    bytes != NULL && fread(bytes, 1, (size_t) size, in) == (size_t) size, path);
	bytes[size] = 0;
	(void) fclose(in);
	w->bytes = bytes;
	w->length = (size_t) size;
}

static void
turn(void *self)
{
	work *w = self;
	w->turn(w);
}

static void
print(const work *w, double us, unsigned counted)
{
	const char *comma = "";
	(void) printf("{\"us\":%.4f,\"bytes\":%zu,\"records\":%zu,\"allocations\":{",
	    us, w->length, w->records);
	for (size_t i = 0; i < OBJECTS && objects[i].base != NULL; i++) {
		const char *slash = strrchr(objects[i].name, '/');
		const char *name = slash == NULL ? objects[i].name : slash + 1;
		(void) printf("%s\"%.*s\":%.2f", comma,
		    (int) (strstr(name, ".so") == NULL ? strlen(name)
						       : strcspn(name, ".")),
		    name, (double) objects[i].count / counted);
		comma = ",";
	}
	(void) printf("}}\n");
}

static void
take_work(work *w, char **argv)
{
	ph_error err = {0};
	if (strcmp(argv[1], "sax2") == 0) {
		w->turn = sax_turn;
	} else if (strcmp(argv[1], "sax2-parser-kept") == 0) {
		w->turn = sax_reused_turn;
	} else if (strcmp(argv[1], "jansson") == 0) {
		w->turn = jansson_turn;
	} else {
		must(
		    ph_map_load(argv[1], (const char *const *) argv + 5, &w->map, &err),
		    &err);
		ph_map_limits(w->map, LARGEST, 0);
		w->in = strcmp(argv[2], "out") != 0;
		w->out = strcmp(argv[2], "in") != 0;
		w->turn = strcmp(argv[2], "pieces") == 0 ? pieces_turn : map_turn;
	}
}

int
main(int argc, char **argv)
{
	work w = {0};
	if (argc < 5)
		bench_die("usage: maps MAP in|out|both|pieces FILE SECONDS FOLDER...");
	read_file(argv[3], &w);
	take_work(&w, argv);
	double seconds = strtod(argv[4], NULL);
	double us = bench_slices(turn, &w, seconds);
	unsigned counted = us * COUNTED < 1e6 ? COUNTED : 1;
	counting = true;
	for (unsigned i = 0; i < counted; i++)
		w.turn(&w);
	counting = false;
	print(&w, us, counted);
	xmlFreeParserCtxt(w.parser);
	ph_map_destroy(&w.map);
	free(w.bytes);
	return 0;
}
