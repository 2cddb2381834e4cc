/*
 * packhorse-host - runs one adapter: its plug-in, its maps, its session with the broker.
 *
 *   packhorse-host                          started by the broker: descriptor 3 gives lines of
 *                                           endpoint, token, adapter and site; descriptor 4 is the
 *                                           lock that shows this adapter is being served
 *   packhorse-host --check -c SITE ADAPTER  load the plug-in, compile the maps, validate the
 *                                           configuration; talk to nobody
 *   packhorse-host --describe FILE.so       what a plug-in says of itself, as JSON
 *
 * Exit: 0 fine, 1 the configuration or the session failed, 2 usage, 3 the plug-in was refused.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sodium.h>
#include "adapters/host/run.h"
#include "lib/base/buffer.h"
#include "lib/base/log.h"
#include "lib/base/os.h"
#include "lib/codec/codec.h"

enum { EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_REFUSED = 3 };
enum { FD_START = 3, FD_LOCK = 4 };

static int
complain(const ph_error *err)
{
	fprintf(stderr, "%s%s%s\n", err->where, *err->where ? ": " : "", err->text);
	bool refused = !strncmp(err->text, "PH400", 5);
	return refused ? EXIT_REFUSED : EXIT_FAILED;
}

static int
usage(void)
{
	fputs("usage: packhorse-host --check -c SITE ADAPTER\n"
	      "       packhorse-host --describe FILE.so\n"
	      "       packhorse-host --version\n"
	      "Otherwise it is started by packhorsed.\n",
	    stderr);
	return EXIT_USAGE;
}

/* ---- --describe ---- */

static void
add(ph_document *document, ph_node *object, const char *name, const char *text)
{
	if (text)
		ph_node_add_text(document, object, name, text, strlen(text));
}

static ph_status
print_manifest(const ph_plugin *plugin, ph_error *err)
{
	static const struct {
		uint64_t bit;
		const char *name;
	} bits[] = {{PH_ADAPTER_CAN_SEND, "send"}, {PH_ADAPTER_CAN_RECEIVE, "receive"},
	    {PH_ADAPTER_CAN_POLL, "poll"}, {PH_ADAPTER_CAN_PROBE, "probe"},
	    {PH_ADAPTER_CAN_QUERY, "query"}, {PH_ADAPTER_CAN_PROGRESS, "progress"}};
	const ph_adapter_manifest *manifest = ph_plugin_manifest(plugin);
	ph_document *document = NULL;
	ph_status status = ph_document_new("manifest", 8u << 20, &document, err);
	if (status)
		return status;
	char abi[64];
	snprintf(abi, sizeof abi, "%u.%u-%u.%u", manifest->abi_major,
	    manifest->abi_minor_least, manifest->abi_major, manifest->abi_minor_built);
	ph_node *root = ph_node_new(document, PH_NODE_OBJECT, NULL, 0);
	add(document, root, "name", manifest->name);
	add(document, root, "version", manifest->version);
	add(document, root, "vendor", manifest->vendor);
	add(document, root, "licence", manifest->licence);
	add(document, root, "abi", abi);
	ph_node *can = ph_node_new(document, PH_NODE_LIST, NULL, 0);
	ph_node_add(document, root, "can", can);
	for (size_t i = 0; i < sizeof bits / sizeof *bits; i++)
		if (ph_plugin_can(plugin, bits[i].bit))
			add(document, can, NULL, bits[i].name);
	add(document, root, "schema", manifest->schema);
	ph_buffer out;
	ph_buffer_init(&out, 0);
	status = ph_json_encode(root, 0, &out, err);
	if (!status)
		puts(ph_buffer_cstr(&out));
	ph_buffer_fini(&out);
	ph_document_destroy(&document);
	return status;
}

static int
describe(const char *path)
{
	ph_plugin *plugin = NULL;
	ph_error err = {.status = PH_OK};
	ph_status status = ph_plugin_open(path, &plugin, &err);
	if (!status)
		status = print_manifest(plugin, &err);
	ph_plugin_close(&plugin);
	return status ? complain(&err) : 0;
}

/* ---- --check and running ---- */

static int
check(const char *site, const char *adapter)
{
	ph_host *host = NULL;
	ph_error err = {.status = PH_OK};
	ph_status status = ph_host_prepare(site, adapter, &host, &err);
	ph_host_destroy(&host);
	return status ? complain(&err) : 0;
}

static int
serve(void)
{
	ph_host_start start;
	ph_host *host = NULL;
	ph_error err = {.status = PH_OK};
	/* what we start ourselves, if ever, gets neither the token nor the lock */
	if (fcntl(FD_START, F_SETFD, FD_CLOEXEC) < 0 ||
	    fcntl(FD_LOCK, F_SETFD, FD_CLOEXEC) < 0)
		return usage();
	ph_os_harden();
	ph_status status = ph_host_start_read(FD_START, &start, &err);
	if (!status)
		status = ph_host_prepare(start.site, start.adapter, &host, &err);
	if (!status)
		status = ph_host_run(host, &start, &err);
	ph_host_destroy(&host);
	if (!status)
		return 0;
	ph_log(PH_LOG_ERROR, "host-failed", "adapter=%s where=%s text=%s",
	    start.adapter, err.where, err.text);
	return complain(&err);
}

int
main(int argc, char **argv)
{
	ph_log_program("packhorse-host");
	if (sodium_init() < 0)
		return EXIT_FAILED;
	if (argc == 1)
		return serve();
	if (argc == 5 && !strcmp(argv[1], "--check") && !strcmp(argv[2], "-c"))
		return check(argv[3], argv[4]);
	if (argc == 3 && !strcmp(argv[1], "--describe"))
		return describe(argv[2]);
	if (argc == 2 && !strcmp(argv[1], "--version")) {
		printf("packhorse-host %s, adapter ABI %u.%u\n", PACKAGE_VERSION,
		    PH_ADAPTER_ABI_MAJOR, PH_ADAPTER_ABI_MINOR);
		return 0;
	}
	return usage();
}
