/* A large file through a map in pieces: the same as whole, its places, and what is not read so. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/buffer.h"
#include "tests/unit/check_main.h"
#include "tests/unit/map_fixture.h"
#include "transform/map_inner.h"

#define LOOP(t, test, table)                                                           \
	tcase_add_loop_test(t, test, 0, (int) (sizeof table / sizeof table[0]))
#define HEAD                                                                           \
	"map: m\ncanonical: thing@1\n"                                                 \
	"drop: {canonical: [a, b, c, ref, n, t, at, s, tags, attributes, sub]}\n"
#define ENVELOPE "http://schemas.xmlsoap.org/soap/envelope/"

static map_fixture fixture;

static void
setup(void)
{
	char folder[80];
	map_fixture_init(&fixture);
	snprintf(folder, sizeof folder, "%s/records", fixture.folder);
	ck_assert_int_eq(mkdir(folder, 0700), 0);
	map_fixture_file(&fixture, "records/rows.yaml",
	    "format: csv\nrow: row\nfields: [key, name]\n");
	map_fixture_file(&fixture, "records/types.yaml",
	    "format: record-csv\nrecords:\n"
	    "  H: {name: head, fields: [who]}\n"
	    "  R: {name: row, fields: [key], gather: [name]}\n"
	    "  N: {name: name, fields: [text]}\n"
	    "  X: {name: other, fields: [text]}\n"
	    "  T: {name: tail, fields: [count]}\n"
	    "first: head\nlast: tail\ncount: {field: count, except: [head, tail]}\n");
	map_fixture_file(&fixture, "records/ends.yaml",
	    "format: record-csv\nline-end: lf\nrecords:\n"
	    "  H: {name: head, fields: [who]}\n"
	    "  R: {name: row, fields: [key, name]}\n"
	    "  T: {name: tail, fields: [made]}\nfirst: head\nlast: tail\n");
	map_fixture_file(&fixture, "records/names.yaml", "format: csv\nrow: row\n");
	map_fixture_file(&fixture, "records/all.yaml",
	    "format: record-csv\nrecords:\n"
	    "  H: {name: head, fields: [who], gather: [row]}\n"
	    "  R: {name: row, fields: [key]}\n"
	    "  X: {name: other, fields: [key]}\nfirst: head\n");
	map_fixture_file(&fixture, "schemas/v.xsd",
	    "<xs:schema xmlns:xs='http://www.w3.org/2001/XMLSchema'>"
	    "<xs:element name='v'><xs:complexType><xs:sequence>"
	    "<xs:element name='k' type='xs:string'/></xs:sequence></xs:complexType>"
	    "</xs:element></xs:schema>");
}

static void
teardown(void)
{
	map_fixture_fini(&fixture);
}

static ph_map *
need(ph_map *map)
{
	ck_assert_msg(map != NULL, "%s: %s", fixture.err.where, fixture.err.text);
	return map;
}

typedef struct source {
	const char *bytes;
	size_t length, at;
} source;

static ph_status
read_some(void *self, void *into, size_t size, size_t *got, ph_error *err)
{
	source *s = self;
	(void) err;
	size_t left = s->length - s->at, most = size < 1000 ? size : 1000;
	*got = left < most ? left : most;
	memcpy(into, s->bytes + s->at, *got);
	s->at += *got;
	return PH_OK;
}

/* What became of each record, a line each; its number and place with `places`. */
static void
put_call(ph_buffer *out, ph_map_call *call, uint64_t before, bool places)
{
	ck_assert_int_eq(ph_map_call_run(call, NULL), PH_OK);
	for (size_t i = 0; i < ph_map_call_count(call); i++) {
		size_t length = 0;
		uint32_t line = 0, column = 0;
		if (places && ph_map_call_place(call, i, &line, &column))
			ph_buffer_printf(out, "%u@%u:%u ", (unsigned) (before + i + 1),
			    (unsigned) line, (unsigned) column);
		if (ph_map_call_result(call, i) == PH_MAP_DONE) {
			const void *data = ph_map_call_data(call, i, &length);
			ph_buffer_append(out, data, length);
			(void) ph_map_call_digest(call, i, &length);
			ph_buffer_printf(
			    out, " %zu %s\n", length, ph_map_call_get(call, i, "type"));
			continue;
		}
		const ph_error *err = ph_map_call_error(call, i);
		ph_buffer_printf(out, "!%s %s %s %s\n", ph_map_call_stage(call, i),
		    ph_map_call_reason(call, i), err->where, err->text);
	}
}

static void
put_whole(ph_buffer *out, const ph_map *map, const ph_buffer *file, bool places)
{
	ph_map_call *call = NULL;
	ck_assert_int_eq(ph_map_call_new(map, PH_MAP_IN, 0, file->data, file->length,
			     &call, &fixture.err),
	    PH_OK);
	put_call(out, call, 0, places);
	ph_map_call_destroy(&call);
}

/* Returns the number of calls; *most is the largest that a call took. */
static size_t
put_stream(
    ph_buffer *out, const ph_map *map, const ph_buffer *file, bool places, size_t *most)
{
	source s = {(const char *) file->data, file->length, 0};
	ph_map_stream *stream = NULL;
	ph_map_call *call = NULL;
	size_t calls = 0;
	ck_assert_msg(
	    ph_map_stream_open(map, read_some, &s, &stream, &fixture.err) == PH_OK,
	    "%s", fixture.err.text);
	while (ph_map_stream_next(stream, &call, &fixture.err) == PH_OK) {
		put_call(out, call, ph_map_stream_before(stream), places);
		size_t used = ph_arena_used(ph_document_arena(call->source)) +
			      ph_arena_used(ph_document_arena(call->target));
		*most = used > *most ? used : *most;
		ph_map_call_destroy(&call);
		calls++;
	}
	ph_map_stream_destroy(&stream);
	return calls;
}

static const struct shape {
	const char *map, *head, *row, *tail;
} shapes[] = {
    {HEAD "vendor: {format: csv, record: rows.yaml, each: row}\n"
	  "links:\n  - a <-> key\n  - b <- name\n",
	"key,name\r\n", "%zu,\"na\"\"me\n%zu\"\r\n", ""},
    {HEAD "vendor: {format: record-csv, record: types.yaml, each: row}\n"
	  "links:\n  - a <-> key\n  - b <- ../head/who\n  - tags[].name <-> "
	  "name[]/text\n",
	"H,we\n", "R,%zu\nN,x\nN,%zu\nX,1\n", "T,8000\n"},
    {HEAD "vendor: {format: xml, namespaces: {p: 'urn:p'}, unprefixed: p, root: r/s, "
	  "each: i}\nlinks:\n  - a <-> k\n  - b <- ../../@who\n  - c <- ../w\n",
	"<?xml version='1.0' encoding='windows-1252'?>\n<r xmlns='urn:p' "
	"who='\x93w'><s>"
	"<w>x\xE9</w>",
	"<i><k>%zu</k>%zu</i>", "</s></r>"},
    {HEAD "vendor: {format: soap, namespaces: {p: 'urn:p'}, root: p:r, each: p:i}\n"
	  "links:\n  - a <-> p:k\n  - b <- $header/p:w\n",
	"<s:Envelope xmlns:s='" ENVELOPE "' xmlns:p='urn:p'><s:Header><p:w>h</p:w>"
	"</s:Header><s:Body><p:r>",
	"<p:i><p:k>%zu</p:k>%zu</p:i>\n", "</p:r><p:r/></s:Body></s:Envelope>"},
    {HEAD "vendor: {format: json, root: d, each: rows}\n"
	  "links:\n  - a <-> k\n  - b <- ../w\n",
	"{\"d\":{\"w\":\"x\",\"rows\":[{\"k\":\"0\"}", ",\n {\"k\":\"%zu\",\"n\":%zu}",
	"]}}"},
    {HEAD "vendor: {format: json}\nlinks:\n  - a <-> k\n", "[{\"k\":\"0\"}",
	",{\"k\":\"%zu\",\"n\":%zu}", "]"},
};

static void
make_file(ph_buffer *file, const struct shape *shape, size_t rows)
{
	ph_buffer_init(file, 0);
	ph_buffer_text(file, shape->head);
	for (size_t i = 0; i < rows; i++) {
		char row[200];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(row, sizeof row, shape->row, i, i);
#pragma GCC diagnostic pop
		ph_buffer_text(file, row);
	}
	ph_buffer_text(file, shape->tail);
	ck_assert_ptr_nonnull(ph_buffer_cstr(file));
}

START_TEST(pieces_give_what_the_whole_gives)
{
	size_t most = 0;
	ph_buffer file, whole, pieces;
	ph_map *map = need(map_fixture_map(&fixture, shapes[_i].map));
	make_file(&file, &shapes[_i], 2000);
	ph_buffer_init(&whole, 0);
	ph_buffer_init(&pieces, 0);
	ck_assert_int_eq(ph_map_streams(map, &fixture.err), PH_OK);
	put_whole(&whole, map, &file, true);
	ck_assert_uint_gt(put_stream(&pieces, map, &file, true, &most), 1);
	ck_assert_str_eq(ph_buffer_cstr(&whole), ph_buffer_cstr(&pieces));
	ck_assert_ptr_nonnull(strstr(ph_buffer_cstr(&whole), "{\"a\":\"1999\""));
	ph_buffer_fini(&file);
	ph_buffer_fini(&whole);
	ph_buffer_fini(&pieces);
	ph_map_destroy(&map);
}
END_TEST

/* Calls that are thrown away and made again count their records once. */
START_TEST(a_piece_can_be_had_again)
{
	ph_buffer file;
	ph_map *map = need(map_fixture_map(&fixture, shapes[1].map));
	make_file(&file, &shapes[1], 2000);
	source s = {(const char *) file.data, file.length, 0};
	ph_map_stream *stream = NULL;
	ph_map_call *call = NULL;
	size_t records = 0;
	ck_assert_int_eq(ph_map_stream_open(map, read_some, &s, &stream, NULL), PH_OK);
	while (ph_map_stream_next(stream, &call, NULL) == PH_OK) {
		size_t count = ph_map_call_count(call);
		ph_map_call_destroy(&call);
		ck_assert_int_eq(ph_map_stream_again(stream, &call, NULL), PH_OK);
		ck_assert_uint_eq(ph_map_call_count(call), count);
		ck_assert_int_eq(ph_map_call_run(call, NULL), PH_OK);
		for (size_t i = 0; i < count; i++)
			ck_assert_int_eq(ph_map_call_result(call, i), PH_MAP_DONE);
		ph_map_call_destroy(&call);
		records += count;
	}
	ck_assert_uint_eq(records, 2000);
	ph_map_stream_destroy(&stream);
	ph_buffer_fini(&file);
	ph_map_destroy(&map);
}
END_TEST

/* What is cut out of a piece is a file with that record alone. */
static void
cut_is_record(const ph_map *map, ph_map_call *call, size_t record)
{
	ph_map_call *again = NULL;
	char *alone = NULL;
	size_t length = 0, own = 0, other = 0;
	ck_assert_int_eq(
	    ph_call_cut(call, record, &alone, &length, &fixture.err), PH_OK);
	ck_assert_int_eq(ph_map_call_new(map, PH_MAP_IN, PH_MAP_ALONE, alone, length,
			     &again, &fixture.err),
	    PH_OK);
	ck_assert_uint_eq(ph_map_call_count(again), 1);
	ck_assert_int_eq(ph_map_call_run(again, NULL), PH_OK);
	ck_assert_msg(ph_map_call_result(again, 0) == PH_MAP_DONE, "%s", alone);
	const char *a = ph_map_call_data(call, record, &own);
	const char *b = ph_map_call_data(again, 0, &other);
	ck_assert_uint_eq(own, other);
	ck_assert_mem_eq(a, b, own);
	ph_map_call_destroy(&again);
	free(alone);
}

START_TEST(each_record_can_be_cut_out)
{
	if (_i == 1)
		return; /* its files need a trailer */
	ph_buffer file;
	size_t records = 0;
	ph_map *map = need(map_fixture_map(&fixture, shapes[_i].map));
	ph_map_stream *stream = NULL;
	ph_map_call *call = NULL;
	make_file(&file, &shapes[_i], 100);
	map->piece_size = 300;
	source s = {(const char *) file.data, file.length, 0};
	ck_assert_int_eq(ph_map_stream_open(map, read_some, &s, &stream, NULL), PH_OK);
	while (ph_map_stream_next(stream, &call, NULL) == PH_OK) {
		ck_assert_int_eq(ph_map_call_run(call, NULL), PH_OK);
		for (size_t i = 0; i < ph_map_call_count(call); i++, records++)
			cut_is_record(map, call, i);
		ph_map_call_destroy(&call);
	}
	ck_assert_uint_ge(records, 100);
	ph_map_stream_destroy(&stream);
	ph_buffer_fini(&file);
	ph_map_destroy(&map);
}
END_TEST

/* The record-typed one has a trailer that counts 8000. */
static size_t
memory_of(const ph_map *map, const struct shape *shape, size_t rows)
{
	ph_buffer file, out;
	size_t most = 0;
	make_file(&file, shape, rows);
	ph_buffer_init(&out, 0);
	(void) put_stream(&out, map, &file, false, &most);
	ph_buffer_fini(&file);
	ph_buffer_fini(&out);
	return most;
}

START_TEST(memory_does_not_grow_with_the_file)
{
	ph_map *map = need(map_fixture_map(&fixture, shapes[_i].map));
	size_t small = memory_of(map, &shapes[_i], 5000);
	size_t large = memory_of(map, &shapes[_i], 50000);
	/* the numbers in the rows have a digit more */
	ck_assert_msg(large <= small + small / 10, "%zu bytes, then %zu", small, large);
	ck_assert_uint_lt(large, (size_t) 2 << 20);
	ph_map_destroy(&map);
}
END_TEST

static const struct {
	size_t shape;
	const char *file, *last, *check;
} broken[] = {
    {0, "key,name\n1,a\n2,b\n3\n4,c\n", "!decode malformed vendor:4:1 PH3109",
	"vendor:4:1"},
    {1, "H,we\nR,1\nR,2\nT,3\n", "!decode malformed vendor:4:3 PH3113", "vendor:4:3"},
    {4, "{\"d\":{\"rows\":[{\"k\":\"1\"},\n{\"k\":\"2\"},\n{\"k\":]}}",
	"!decode malformed vendor:3:6", "vendor:3:6"},
};

/* What came before has been given; the rest is one failed record with the file's place. */
START_TEST(a_broken_file_stops_at_its_place)
{
	ph_buffer file, out;
	size_t most = 0;
	ph_map *map = need(map_fixture_map(&fixture, shapes[broken[_i].shape].map));
	map->piece_size = 1;
	ph_buffer_init(&file, 0);
	ph_buffer_init(&out, 0);
	ph_buffer_text(&file, broken[_i].file);
	ck_assert_uint_gt(put_stream(&out, map, &file, false, &most), 1);
	const char *text = ph_buffer_cstr(&out);
	ck_assert_msg(strstr(text, "{\"a\":\"1\"") == text, "%s", text);
	ck_assert_msg(strstr(text, broken[_i].last) != NULL, "%s", text);
	/* a look beforehand says the same */
	source s = {broken[_i].file, strlen(broken[_i].file), 0};
	ph_map_stream *stream = NULL;
	ck_assert_int_eq(ph_map_stream_open(map, read_some, &s, &stream, NULL), PH_OK);
	ck_assert_int_eq(ph_map_stream_check(stream, &fixture.err), PH_ERR_INVALID);
	ck_assert_str_eq(fixture.err.where, broken[_i].check);
	ph_map_stream_destroy(&stream);
	ph_buffer_fini(&file);
	ph_buffer_fini(&out);
	ph_map_destroy(&map);
}
END_TEST

START_TEST(a_failed_record_does_not_stop_the_others)
{
	ph_buffer file, out;
	size_t most = 0;
	ph_map *map = need(map_fixture_map(&fixture, shapes[0].map));
	ph_buffer_init(&file, 0);
	ph_buffer_init(&out, 0);
	ph_buffer_text(&file, "key,name\n1,x\n,y\n3,z\n");
	(void) put_stream(&out, map, &file, true, &most);
	const char *text = ph_buffer_cstr(&out);
	ck_assert_msg(strstr(text, "1@2:1 {") == text, "%s", text);
	ck_assert_msg(strstr(text, "\n2@3:1 !validate invalid") != NULL, "%s", text);
	ck_assert_msg(strstr(text, "\n3@4:1 {") != NULL, "%s", text);
	ph_buffer_fini(&file);
	ph_buffer_fini(&out);
	ph_map_destroy(&map);
}
END_TEST

static const struct {
	const char *map, *why;
} unread[] = {
    {HEAD "vendor: {format: form}\nlinks:\n  - a <-> k\n", "one record"},
    {HEAD "vendor: {format: xml, root: v, schema: v.xsd}\nlinks:\n  - a <-> k\n",
	"XML schema"},
    {HEAD "vendor: {format: xml, root: v}\nlinks:\n  - a <-> k\n", "whole document"},
    {HEAD "vendor: {format: record-csv, record: types.yaml, each: row}\n"
	  "links:\n  - a <-> key\n  - b <- ../other/text\n  - tags[].name <-> "
	  "name[]/text\n",
	"reads other records"},
    {HEAD "vendor: {format: xml, root: r/s, each: i}\n"
	  "links:\n  - a <- k\n  - tags[].name <- ../i[]/k\n",
	"reads other records"},
    {HEAD "vendor: {format: xml, root: r/s, each: i}\n"
	  "links:\n  - a <- k\n  - b <- k/../../../s[-1]/w\n",
	"reads other records"},
    {HEAD "vendor: {format: json, root: d, each: rows}\n"
	  "links:\n  - a <- k\n  - attributes[code] <- ../'r*'\n",
	"reads other records"},
    {HEAD "vendor: {format: csv, record: rows.yaml, each: row}\n"
	  "links:\n  - a <- key\n  - b <- name/../../row[2]/key\n  - c <- name\n",
	"reads other records"},
    {HEAD "vendor: {format: csv, record: rows.yaml, each: row}\n"
	  "links:\n  - a <- key\n  - b <- name | when(../row/key = x)\n",
	"reads other records"},
    {HEAD "vendor: {format: record-csv, record: all.yaml, each: head}\n"
	  "links:\n  - a <-> who\n  - tags[].name <-> row[]/key\n",
	"gathers others"},
    {HEAD "vendor: {format: record-csv, record: all.yaml, each: other}\n"
	  "links:\n  - a <-> key\n",
	"gathers others"},
    {HEAD "vendor: {format: json, each: rows}\nlinks:\n  - a -> k\n", "does not go in"},
    {HEAD
	"vendor: {format: json, each: rows, open: {json: x}}\nlinks:\n  - a <-> x/k\n",
	"opens texts"},
};

/* Each piece has it again, and it is one record. */
START_TEST(the_first_record_is_given_once)
{
	ph_buffer file, whole, pieces;
	size_t most = 0;
	ph_map *map = need(map_fixture_map(&fixture,
	    HEAD "vendor: {format: record-csv, record: ends.yaml, each: head}\n"
		 "links:\n  - a <-> who\n"));
	map->piece_size = 1;
	ph_buffer_init(&file, 0);
	ph_buffer_init(&whole, 0);
	ph_buffer_init(&pieces, 0);
	ph_buffer_text(&file, "\n\nH,we\nR,1,a\nR,2,b\nR,3,c\nT,x\n");
	put_whole(&whole, map, &file, true);
	ck_assert_uint_gt(put_stream(&pieces, map, &file, true, &most), 2);
	ck_assert_str_eq(ph_buffer_cstr(&whole), ph_buffer_cstr(&pieces));
	ck_assert_ptr_nonnull(strstr(ph_buffer_cstr(&whole), "1@3:1 {\"a\":\"we\"}"));
	ph_buffer_fini(&file);
	ph_buffer_fini(&whole);
	ph_buffer_fini(&pieces);
	ph_map_destroy(&map);
}
END_TEST

/* Of a SOAP Body the first element is the document. */
START_TEST(what_follows_in_a_body_is_not_read)
{
	ph_buffer file, whole, pieces;
	size_t most = 0;
	ph_map *map = need(map_fixture_map(&fixture, HEAD
	    "vendor: {format: soap, namespaces: {p: 'urn:p'}, root: p:r, each: p:i}\n"
	    "links:\n  - a <-> p:k\n"));
	map->piece_size = 1;
	ph_buffer_init(&file, 0);
	ph_buffer_init(&whole, 0);
	ph_buffer_init(&pieces, 0);
	ph_buffer_text(&file,
	    "<s:Envelope xmlns:s='" ENVELOPE "' xmlns:p='urn:p'><s:Body><p:r>"
	    "<p:i><p:k>1</p:k></p:i><p:i><p:k>2</p:k></p:i></p:r>"
	    "<p:r><p:i><p:k>3</p:k></p:i></p:r></s:Body></s:Envelope>");
	put_whole(&whole, map, &file, true);
	ck_assert_uint_gt(put_stream(&pieces, map, &file, true, &most), 1);
	ck_assert_str_eq(ph_buffer_cstr(&whole), ph_buffer_cstr(&pieces));
	ck_assert_ptr_null(strstr(ph_buffer_cstr(&whole), "\"3\""));
	ph_buffer_fini(&file);
	ph_buffer_fini(&whole);
	ph_buffer_fini(&pieces);
	ph_map_destroy(&map);
}
END_TEST

/* What is kept of a record that failed can be read again, though its piece had no trailer. */
START_TEST(a_record_of_a_piece_is_a_file)
{
	static const char bytes[] = "H,we\nR,,a\nR,2,b\nT,x\n";
	source s = {bytes, sizeof bytes - 1, 0};
	ph_map_stream *stream = NULL;
	ph_map_call *call = NULL;
	size_t length = 0, found = 0;
	ph_map *map = need(map_fixture_map(&fixture,
	    HEAD "vendor: {format: record-csv, record: ends.yaml, each: row}\n"
		 "links:\n  - a <-> key\n  - b <-> name\n"));
	map->piece_size = 1;
	ck_assert_int_eq(ph_map_stream_open(map, read_some, &s, &stream, NULL), PH_OK);
	while (ph_map_stream_next(stream, &call, NULL) == PH_OK) {
		ck_assert_int_eq(ph_map_call_run(call, NULL), PH_OK);
		for (size_t i = 0; i < ph_map_call_count(call); i++) {
			char *alone = NULL;
			ck_assert_msg(ph_map_call_source(call, i, &alone, &length,
					  &fixture.err) == PH_OK,
			    "%s", fixture.err.text);
			ck_assert_str_eq(alone,
			    found == 0 ? "H,we\nR,,a\nT,\n" : "H,we\nR,2,b\nT,\n");
			found++;
			free(alone);
		}
		ph_map_call_destroy(&call);
	}
	ck_assert_uint_eq(found, 2);
	ph_map_stream_destroy(&stream);
	ph_map_destroy(&map);
}
END_TEST

/* A row that says nothing is read and makes no table. */
START_TEST(what_cannot_be_written_again_is_cut_out)
{
	static const char bytes[] = "key,name\n1,one\n,\n3,three\n,\n";
	static const char *const kept[] = {"key,name\r\n1,one\r\n", "key,name\n,\n",
	    "key,name\r\n3,three\r\n", "key,name\n,\n"};
	ph_map *map = need(map_fixture_map(&fixture,
	    HEAD "vendor: {format: csv, record: names.yaml, each: row}\n"
		 "links:\n  - a <-> key\n  - b <-> name\n"));
	size_t found = 0;
	map->piece_size = _i == 0 ? 1 : 16;
	source s = {bytes, sizeof bytes - 1, 0};
	ph_map_stream *stream = NULL;
	ph_map_call *call = NULL;
	ck_assert_int_eq(ph_map_stream_open(map, read_some, &s, &stream, NULL), PH_OK);
	while (ph_map_stream_next(stream, &call, NULL) == PH_OK) {
		ck_assert_uint_eq(ph_map_call_count(call), _i == 0 ? 1u : 2u);
		for (size_t i = 0; i < ph_map_call_count(call); i++) {
			char *alone = NULL;
			size_t length = 0;
			ck_assert_msg(ph_map_call_source(call, i, &alone, &length,
					  &fixture.err) == PH_OK,
			    "%s", fixture.err.text);
			ck_assert_uint_eq(length, strlen(kept[found]));
			ck_assert_mem_eq(alone, kept[found], length);
			found++;
			free(alone);
		}
		ph_map_call_destroy(&call);
	}
	ck_assert_uint_eq(found, 4);
	ph_map_stream_destroy(&stream);
	ph_map_destroy(&map);
}
END_TEST

START_TEST(maps_that_read_whole_documents_say_so)
{
	ph_map *map = need(map_fixture_map(&fixture, unread[_i].map));
	ck_assert_int_eq(ph_map_streams(map, &fixture.err), PH_ERR_USAGE);
	ck_assert_msg(strncmp(fixture.err.text, "PH2094", 6) == 0 &&
			  strstr(fixture.err.text, unread[_i].why) != NULL,
	    "%s", fixture.err.text);
	ph_map_destroy(&map);
}
END_TEST

START_TEST(limits_are_what_was_said)
{
	ph_map_call *call = NULL;
	ph_map *map = need(map_fixture_map(&fixture, shapes[0].map));
	static const char file[] = "key,name\n1,abcdefghij\n";
	ck_assert_uint_eq(ph_map_largest(map), (size_t) 8 << 20);
	ph_map_limits(map, sizeof file - 2, 15);
	ck_assert_int_eq(
	    ph_map_call_new(map, PH_MAP_IN, 0, file, sizeof file - 1, &call, NULL),
	    PH_OK);
	ck_assert_str_eq(ph_map_call_reason(call, 0), "too-large");
	ph_map_call_destroy(&call);
	source s = {"key,name\n1,abcdefghij\n2,abcdefghijklmnopq\n", 41, 0};
	ph_map_stream *stream = NULL;
	ck_assert_int_eq(ph_map_stream_open(map, read_some, &s, &stream, NULL), PH_OK);
	ck_assert_int_eq(ph_map_stream_check(stream, &fixture.err), PH_ERR_TOO_LARGE);
	ck_assert_str_eq(fixture.err.where, "vendor:3:1");
	ph_map_stream_destroy(&stream);
	ph_map_destroy(&map);
}
END_TEST

static Suite *
map_stream_suite(void)
{
	Suite *suite = suite_create("map_stream");
	TCase *all = tcase_create("map_stream");
	tcase_add_checked_fixture(all, setup, teardown);
	LOOP(all, pieces_give_what_the_whole_gives, shapes);
	LOOP(all, each_record_can_be_cut_out, shapes);
	tcase_add_test(all, a_piece_can_be_had_again);
	LOOP(all, memory_does_not_grow_with_the_file, shapes);
	LOOP(all, a_broken_file_stops_at_its_place, broken);
	tcase_add_test(all, a_failed_record_does_not_stop_the_others);
	tcase_add_test(all, the_first_record_is_given_once);
	tcase_add_test(all, what_follows_in_a_body_is_not_read);
	tcase_add_test(all, a_record_of_a_piece_is_a_file);
	tcase_add_loop_test(all, what_cannot_be_written_again_is_cut_out, 0, 2);
	LOOP(all, maps_that_read_whole_documents_say_so, unread);
	tcase_add_test(all, limits_are_what_was_said);
	suite_add_tcase(suite, all);
	return suite;
}

int
main(void)
{
	return ph_check_main(map_stream_suite());
}
