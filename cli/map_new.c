/*
 * packhorse map new: a first draft of a map from one sample of the vendor's, or from its XML schema.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/map_tools.h"
#include "cli/offline.h"
#include "lib/codec/codec.h"
#include "lib/codec/multipart.h"
#include "lib/codec/records.h"
#include "lib/config/config.h"
#include "transform/load.h"
#include "transform/workbench/propose.h"

#define SAMPLE_MAX ((size_t) 8 << 20)
#define MEMORY	   ((size_t) 256 << 20)

const ph_cli_option ph_map_new_options[] = {
    {"from", "SAMPLE|FILE.xsd",
	"a file with one or more of the vendor's records, or its XML schema"},
    {"schema", "NAME", "the canonical entity: service-request, service-request@1"},
    {"format", "FORMAT",
	"xml, soap, json, form, csv or hl7; without it, what it looks like"},
    {"record", "FILE", "the record description, for csv, record-csv, fixed and hl7"},
    {"root", "WAY", "of an XML schema: the elements down to the record, as A/B/C"},
    {"schemas", "DIR", "where canonical schemas are looked for first"},
    {NULL, NULL, NULL},
};

static const char *const formats[] = {
    "xml", "soap", "json", "form", "csv", "record-csv", "fixed", "hl7"};

/* What the bytes look like. */
static ph_map_format
guess_format(const char *bytes, size_t length)
{
	size_t at = length >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
	while (at < length && strchr(" \t\r\n", bytes[at]) != NULL)
		at++;
	const char *start = bytes + at;
	if (*start == '<')
		return strstr(start, PH_SOAP_NAMESPACE) != NULL ? PH_MAP_SOAP
								: PH_MAP_XML;
	if (*start == '{' || *start == '[')
		return PH_MAP_JSON;
	if (strncmp(start, "MSH", 3) == 0)
		return PH_MAP_HL7;
	const char *equals = strchr(start, '=');
	size_t line = strcspn(start, "\r\n");
	return equals != NULL && start + line > equals && strchr(start, '\n') == NULL &&
		       strchr(start, ',') == NULL
		   ? PH_MAP_FORM
		   : PH_MAP_CSV;
}

static bool
read_format(const char *name, ph_map_format *out)
{
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
		if (strcmp(formats[i], name) == 0) {
			*out = (ph_map_format) (i + 1);
			return true;
		}
	return false;
}

/* "service-request" or "service-request@1", or a schema's file. */
static ph_status
load_schema(
    const char *name, const char *const *folders, ph_schema **out, ph_error *err)
{
	char file[300], *path;
	const char *at = strchr(name, '@');
	if (strchr(name, '/') != NULL)
		return ph_schema_load(name, out, err);
	snprintf(file, sizeof file, "%.*s.v%s.schema.json",
	    (int) (at == NULL ? strlen(name) : (size_t) (at - name)), name,
	    at == NULL ? "1" : at + 1);
	if (ph_find_file(folders, "schemas", file, &path, NULL) != PH_OK)
		return ph_fail(err, PH_ERR_NOT_FOUND,
		    "PH2042 there is no schema %s in any schema folder", file);
	ph_status status = ph_schema_load(path, out, err);
	free(path);
	return status;
}

typedef struct drafting {
	const ph_args *args;
	ph_proposal p;
	ph_schema *schema;
	ph_records *records;
	ph_xsd_sample made; /* where there is no sample */
	char xsd[300];
	ph_buffer description; /* a record description of our own */
	char name[256];
	char record[300];
} drafting;

/* The file's name without folder and ending; a name for the map. */
static void
name_of(const char *path, char out[256])
{
	const char *slash = strrchr(path, '/');
	const char *file = slash == NULL ? path : slash + 1;
	size_t length = strcspn(file, "."), at = 0;
	for (size_t i = 0; i < length && at < 250; i++) {
		unsigned char c = (unsigned char) file[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
		bool upper = c >= 'A' && c <= 'Z';
		out[at++] = plain ? (char) c : upper ? (char) (c + 32) : '-';
	}
	out[at] = 0;
	if (at == 0)
		memcpy(out, "draft", 6);
}

/* A CSV file says itself what its columns are. */
static ph_status
describe_csv(drafting *d, const char *bytes, size_t length, ph_error *err)
{
	size_t line = strcspn(bytes, "\r\n"), commas = 0, semicolons = 0, tabs = 0;
	ph_document *document;
	(void) length;
	for (size_t i = 0; i < line; i++) {
		commas += bytes[i] == ',';
		semicolons += bytes[i] == ';';
		tabs += bytes[i] == '\t';
	}
	const char *separator = tabs > commas	      ? "tab"
				: semicolons > commas ? "\";\""
						      : "\",\"";
	ph_buffer_printf(
	    &d->description, "format: csv\nrow: row\nseparator: %s\n", separator);
	ph_status status = ph_document_new(d->record, MEMORY, &document, err);
	if (status != PH_OK)
		return status;
	status = ph_yaml_decode(
	    document, d->description.data, d->description.length, 0, err);
	if (status != PH_OK) {
		ph_document_destroy(&document);
		return status;
	}
	return ph_records_new(&document, &d->records, err);
}

static ph_status
load_records(drafting *d, const char *bytes, size_t length, ph_error *err)
{
	const char *file = ph_args_get(d->args, "record");
	if (file != NULL) {
		const char *slash = strrchr(file, '/');
		snprintf(d->record, sizeof d->record, "%s",
		    slash == NULL ? file : slash + 1);
		return ph_records_load(file, &d->records, err);
	}
	snprintf(d->record, sizeof d->record, "%s.yaml", d->name);
	if (d->p.format == PH_MAP_CSV)
		return describe_csv(d, bytes, length, err);
	return ph_fail(err, PH_ERR_USAGE,
	    "PH7309 %s does not say what its fields are: give its description with "
	    "--record",
	    d->p.format_name);
}

static ph_status
decode(drafting *d, const char *bytes, size_t length, ph_error *err)
{
	ph_status status =
	    ph_document_new(ph_args_get(d->args, "from"), MEMORY, &d->p.sample, err);
	if (status != PH_OK)
		return status;
	switch (d->p.format) {
	case PH_MAP_XML:
	case PH_MAP_SOAP:
		return ph_xml_decode(d->p.sample, bytes, length, err);
	case PH_MAP_JSON:
		return ph_json_decode(d->p.sample, bytes, length, err);
	case PH_MAP_FORM:
		return ph_form_decode(d->p.sample, bytes, length, err);
	case PH_MAP_MULTIPART:
		return ph_multipart_decode(d->p.sample, bytes, length, err);
	case PH_MAP_CSV:
	case PH_MAP_RECORD_CSV:
	case PH_MAP_FIXED:
	case PH_MAP_HL7:
		break;
	}
	status = load_records(d, bytes, length, err);
	if (status == PH_OK)
		status = ph_records_decode(d->records, d->p.sample, bytes, length, err);
	d->p.record = d->record;
	d->p.row = d->p.format == PH_MAP_HL7 ? NULL : "row";
	return status;
}

/* Every column that a row of the sample has a value in. */
static void
list_columns(drafting *d)
{
	const ph_node *root = ph_document_root(d->p.sample);
	const ph_node *row = root == NULL ? NULL : root->first;
	ph_buffer_text(&d->description, "fields:\n");
	for (const ph_node *n = row == NULL ? NULL : row->first; n != NULL;
	     n = n->next) {
		json_t *name = json_string(n->name);
		char *text = json_dumps(name, JSON_ENCODE_ANY);
		ph_buffer_printf(&d->description, "  - %s\n", text == NULL ? "" : text);
		free(text);
		json_decref(name);
	}
}

static int
write_draft(ph_cli *cli, drafting *d, ph_buffer *out)
{
	const char *map = ph_buffer_cstr(out);
	const char *description = NULL;
	if (d->description.length > 0) {
		list_columns(d);
		description = ph_buffer_cstr(&d->description);
	}
	if (cli->json) {
		json_t *row =
		    json_pack("{s:s, s:s}", "name", d->name, "map", map ? map : "");
		if (description != NULL)
			json_object_update_new(
			    row, json_pack("{s:s, s:s}", "record", d->record, "records",
				     description));
		ph_cli_json(cli, row);
		return PH_EXIT_OK;
	}
	if (description != NULL) {
		fprintf(cli->out, "# records/%s:\n", d->record);
		for (const char *p = description; *p != 0;) {
			size_t line = strcspn(p, "\n");
			fprintf(cli->out, "#   %.*s\n", (int) line, p);
			p += line + (p[line] == '\n');
		}
	}
	fputs(map != NULL ? map : "", cli->out);
	return PH_EXIT_OK;
}

/* A document that is made up from the vendor's schema takes the place of a sample. */
static ph_status
make_up(drafting *d, ph_error *err)
{
	const char *file = ph_args_get(d->args, "from");
	const char *slash = strrchr(file, '/');
	ph_xsd *xsd = NULL;
	ph_xsd_shape *shape = NULL;
	snprintf(d->xsd, sizeof d->xsd, "%s", slash == NULL ? file : slash + 1);
	if (d->p.format != PH_MAP_XML && d->p.format != PH_MAP_SOAP)
		return ph_fail(err, PH_ERR_USAGE,
		    "PH7315 an XML schema goes with the formats xml and soap");
	ph_status status = ph_xsd_load(file, &xsd, err);
	if (status == PH_OK)
		status = ph_xsd_shape_new(xsd, &shape, err);
	if (status == PH_OK)
		status = ph_xsd_sample_init(
		    &d->made, shape, file, ph_args_get(d->args, "root"), err);
	ph_xsd_shape_destroy(&shape);
	ph_xsd_destroy(&xsd);
	d->p.sample = d->made.document;
	d->p.made = &d->made;
	d->p.xsd = d->xsd;
	return status;
}

static bool
is_xsd(const char *file)
{
	size_t length = strlen(file);
	return length > 4 && strcmp(file + length - 4, ".xsd") == 0;
}

static ph_status
make_draft(drafting *d, const char *bytes, size_t length, const char *const *folders,
    ph_buffer *out, ph_error *err)
{
	const char *format = ph_args_get(d->args, "format");
	bool xsd = is_xsd(ph_args_get(d->args, "from"));
	if (!xsd && ph_args_get(d->args, "root") != NULL)
		return ph_fail(err, PH_ERR_USAGE,
		    "PH7315 --root goes with an XML schema: a sample shows where its "
		    "record is");
	d->p.format = xsd ? PH_MAP_XML : guess_format(bytes, length);
	if (format != NULL && !read_format(format, &d->p.format))
		return ph_fail(err, PH_ERR_USAGE,
		    "PH2043 vendor.format is xml, soap, json, form, csv, record-csv, "
		    "fixed or hl7");
	d->p.format_name = formats[(size_t) d->p.format - 1];
	ph_status status =
	    load_schema(ph_args_get(d->args, "schema"), folders, &d->schema, err);
	if (status == PH_OK)
		status = xsd ? make_up(d, err) : decode(d, bytes, length, err);
	d->p.schema = d->schema;
	return status == PH_OK ? ph_propose(&d->p, out, err) : status;
}

int
ph_map_new(ph_cli *cli, const ph_args *args)
{
	const char *from = ph_args_get(args, "from");
	ph_offline offline;
	ph_error err;
	char *bytes = NULL;
	size_t length;
	ph_buffer out;
	drafting d = {.args = args};
	if (from == NULL || ph_args_get(args, "schema") == NULL)
		return ph_cli_usage(cli, "PH7310 both --from (a sample, or FILE.xsd) "
					 "and --schema NAME are needed");
	ph_buffer_init(&out, 0);
	ph_buffer_init(&d.description, 0);
	name_of(from, d.name);
	d.p.name = d.name;
	ph_status status =
	    ph_offline_init(&offline, from, ph_args_get(args, "schemas"), &err);
	if (status == PH_OK)
		status = ph_cli_slurp(from, SAMPLE_MAX, &bytes, &length, &err);
	if (status == PH_OK)
		status = make_draft(&d, bytes, length, offline.folders, &out, &err);
	int exit =
	    status == PH_OK ? write_draft(cli, &d, &out) : ph_cli_fail(cli, &err);
	if (d.p.made == NULL)
		ph_document_destroy(&d.p.sample);
	ph_xsd_sample_fini(&d.made);
	ph_schema_destroy(&d.schema);
	ph_records_destroy(&d.records);
	ph_buffer_fini(&out);
	ph_buffer_fini(&d.description);
	free(bytes);
	return exit;
}
