/*
 * xsd_load - a schema that was looked over is handed to libxml2.
 */
#include "lib/codec/xsd_inner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libxml/parser.h>
#include <libxml/xmlschemastypes.h>

#include "lib/base/assert.h"

typedef struct loading {
	const char *path;
	ph_error *err;
	bool failed; /* *err is the first complaint */
} loading;

/* A schema is no one's data: libxml2's own words may be shown, on one line. */
static void
one_line(const char *message, char *out, size_t size)
{
	snprintf(out, size, "%s", message == NULL ? "no reason given" : message);
	for (char *at = out; *at != '\0'; at++)
		if ((unsigned char) *at < 0x20)
			*at = ' ';
	for (size_t end = strlen(out); end > 0 && out[end - 1] == ' '; end--)
		out[end - 1] = '\0';
}

static void
on_complaint(void *context, ph_xml_complaint complaint)
{
	loading *l = context;
	char where[PH_ERROR_WHERE];
	char text[300];
	if (l->failed || complaint == NULL || complaint->level < XML_ERR_ERROR)
		return;
	l->failed = true;
	if (complaint->code == XML_ERR_NO_MEMORY) {
		ph_fail(l->err, PH_ERR_NOMEM, "out of memory");
		return;
	}
	snprintf(where, sizeof where, "%s:%d:1",
	    complaint->file == NULL ? l->path : complaint->file, complaint->line);
	one_line(complaint->message, text, sizeof text);
	ph_fail_at(l->err, PH_ERR_INVALID, complaint->line > 0 ? where : l->path,
	    "PH3356 %s (libxml2 error %d)", text, complaint->code);
}

static ph_status
parse(ph_xsd *xsd, ph_error *err)
{
	loading l = {.path = xsd->file, .err = err};
	xmlSchemaParserCtxtPtr parser = xmlSchemaNewParserCtxt(xsd->file);
	if (parser == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	xmlSchemaSetParserStructuredErrors(parser, on_complaint, &l);
	xsd->schema = xmlSchemaParse(parser);
	xmlSchemaFreeParserCtxt(parser);
	if (l.failed)
		return err->status;
	return xsd->schema != NULL ? PH_OK
				   : ph_fail_at(err, PH_ERR_INVALID, xsd->file,
					 "PH3356 libxml2 does not take this schema");
}

ph_status
ph_xsd_load(const char *path, ph_xsd **out, ph_error *err)
{
	PH_ASSERT(path != NULL && out != NULL);
	ph_error local;
	ph_xsd *xsd = calloc(1, sizeof *xsd);
	if (xsd == NULL || (xsd->file = strdup(path)) == NULL) {
		free(xsd);
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	}
	if (err == NULL)
		err = &local;
	ph_status status = ph_xsd_scan(path, &xsd->keyed, err);
	if (status == PH_OK) {
		xmlInitParser();
		xmlSchemaInitTypes();
		status = parse(xsd, err);
	}
	if (status != PH_OK)
		ph_xsd_destroy(&xsd);
	else
		*out = xsd;
	return status;
}

void
ph_xsd_destroy(ph_xsd **schema_p)
{
	ph_xsd *xsd = *schema_p;
	if (xsd == NULL)
		return;
	xmlSchemaFree(xsd->schema);
	free(xsd->file);
	free(xsd);
	*schema_p = NULL;
}

const char *
ph_xsd_file(const ph_xsd *schema)
{
	return schema->file;
}
