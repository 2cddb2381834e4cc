/*
 * reader - one text through our own decoders: bytes to the document that maps read.
 *
 *   reader json|xml FILE SECONDS     prints {"us": per text, "bytes": of it}
 *
 * The document and the XML parser are used again, as a map's calls do.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/map/slices.h"
#include "bench/measure.h"
#include "lib/codec/codec.h"

#define LIMIT ((size_t) 1 << 30)

typedef struct work {
	ph_document *document;
	ph_xml_reader *reader; /* NULL: it is JSON */
	char *bytes;
	size_t length;
} work;

static void
turn(void *self)
{
	work *w = self;
	ph_error err;
	ph_document_reset(w->document, LIMIT);
	ph_status status =
	    w->reader == NULL
		? ph_json_decode(w->document, w->bytes, w->length, &err)
		: ph_xml_decode_with(w->reader, w->document, w->bytes, w->length, &err);
	bench_must(status == PH_OK, "it does not take it");
}

static void
read_file(const char *path, work *w)
{
	FILE *in = fopen(path, "rb");
	bench_must(in != NULL && fseek(in, 0, SEEK_END) == 0, path);
	long size = ftell(in);
	rewind(in);
	bench_must(size > 0, path);
	w->length = (size_t) size;
	w->bytes = malloc(w->length);
	bench_must(
	    w->bytes != NULL && fread(w->bytes, 1, w->length, in) == w->length, path);
	(void) fclose(in);
}

int
main(int argc, char **argv)
{
	work w = {0};
	if (argc != 4)
		bench_die("usage: reader json|xml FILE SECONDS");
	read_file(argv[2], &w);
	bool good = ph_document_new("bench", LIMIT, &w.document, NULL) == PH_OK;
	if (strcmp(argv[1], "xml") == 0)
		good = good && ph_xml_reader_new(&w.reader, NULL) == PH_OK;
	bench_must(good, "no memory");
	double us = bench_slices(turn, &w, strtod(argv[3], NULL));
	(void) printf("{\"us\":%.4f,\"bytes\":%zu}\n", us, w.length);
	ph_xml_reader_destroy(&w.reader);
	ph_document_destroy(&w.document);
	free(w.bytes);
	return 0;
}
