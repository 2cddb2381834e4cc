/*
 * A refusal says four things: which file, what it wants, what this host offers, what to do.
 */
#include "adapters/host/plugin.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Sizes beyond this are no struct of any version, but a file that is something else. */
enum { PLAUSIBLE = 4096 };

#define KNOWN                                                                          \
	(PH_ADAPTER_CAN_SEND | PH_ADAPTER_CAN_RECEIVE | PH_ADAPTER_CAN_POLL |          \
	    PH_ADAPTER_CAN_PROBE | PH_ADAPTER_CAN_QUERY | PH_ADAPTER_CAN_PROGRESS)

struct ph_plugin {
	void *object; /* of dlopen */
	char *path;
	ph_adapter_manifest manifest;
	ph_adapter_ops ops;
};

static ph_status
check_size(
    const char *path, uint32_t size, size_t least, const char *what, ph_error *err)
{
	if (size >= least && size <= PLAUSIBLE)
		return PH_OK;
	return ph_fail_at(err, PH_ERR_INVALID, path,
	    "PH4003 its %s says it is %u bytes, at least %zu are needed: rebuild the "
	    "plug-in with packhorse/adapter.h of %u.%u",
	    what, size, least, PH_ADAPTER_ABI_MAJOR, PH_ADAPTER_ABI_MINOR);
}

static ph_status
check_version(const char *path, const ph_adapter_manifest *manifest, ph_error *err)
{
	if (manifest->abi_major == PH_ADAPTER_ABI_MAJOR &&
	    manifest->abi_minor_least <= PH_ADAPTER_ABI_MINOR)
		return PH_OK;
	bool newer = manifest->abi_major > PH_ADAPTER_ABI_MAJOR ||
		     (manifest->abi_major == PH_ADAPTER_ABI_MAJOR &&
			 manifest->abi_minor_least > PH_ADAPTER_ABI_MINOR);
	return ph_fail_at(err, PH_ERR_VERSION, path,
	    "PH4004 it wants the adapter ABI %u.%u or a later %u, this host offers "
	    "%u.%u: "
	    "%s",
	    manifest->abi_major, manifest->abi_minor_least, manifest->abi_major,
	    PH_ADAPTER_ABI_MAJOR, PH_ADAPTER_ABI_MINOR,
	    newer ? "update packhorse" : "get a newer build of the plug-in");
}

static ph_status
check_contents(const char *path, const ph_adapter_manifest *manifest, ph_error *err)
{
	if (manifest->required & ~KNOWN)
		return ph_fail_at(err, PH_ERR_VERSION, path,
		    "PH4005 it requires capabilities 0x%llx, this host knows 0x%llx: "
		    "update packhorse",
		    (unsigned long long) manifest->required,
		    (unsigned long long) KNOWN);
	if (!manifest->name || !manifest->version || !manifest->schema ||
	    !manifest->ops)
		return ph_fail_at(err, PH_ERR_INVALID, path,
		    "PH4006 its manifest lacks a name, a version, a schema or its "
		    "operations");
	return PH_OK;
}

static ph_status
check_ops(const char *path, const ph_adapter_manifest *manifest,
    const ph_adapter_ops *ops, ph_error *err)
{
	uint64_t can = manifest->required | manifest->optional;
	const char *missing = !ops->create || !ops->start   ? "create or start"
			      : !ops->stop || !ops->destroy ? "stop or destroy"
			      : (can & PH_ADAPTER_CAN_SEND) && !ops->send   ? "send"
			      : (can & PH_ADAPTER_CAN_POLL) && !ops->poll   ? "poll"
			      : (can & PH_ADAPTER_CAN_PROBE) && !ops->probe ? "probe"
									    : NULL;
	if (!missing)
		return PH_OK;
	return ph_fail_at(
	    err, PH_ERR_INVALID, path, "PH4007 it has no operation %s", missing);
}

static void
copy_sized(void *to, size_t to_size, const void *from, uint32_t from_size)
{
	memset(to, 0, to_size);
	memcpy(to, from, from_size < to_size ? from_size : to_size);
}

ph_status
ph_plugin_check(const char *path, const ph_adapter_manifest *offered,
    ph_adapter_manifest *manifest, ph_adapter_ops *ops, ph_error *err)
{
	ph_status status = check_size(path, offered->size,
	    offsetof(ph_adapter_manifest, ops) + sizeof offered->ops, "manifest", err);
	if (status)
		return status;
	copy_sized(manifest, sizeof *manifest, offered, offered->size);
	status = check_version(path, manifest, err);
	if (!status)
		status = check_contents(path, manifest, err);
	if (!status)
		status = check_size(path, manifest->ops->size,
		    offsetof(ph_adapter_ops, destroy) + sizeof manifest->ops->destroy,
		    "table of operations", err);
	if (status)
		return status;
	copy_sized(ops, sizeof *ops, manifest->ops, manifest->ops->size);
	return check_ops(path, manifest, ops, err);
}

static ph_status
read_manifest(ph_plugin *plugin, ph_error *err)
{
	const ph_adapter_manifest *offered = dlsym(plugin->object, "ph_adapter");
	if (!offered)
		return ph_fail_at(err, PH_ERR_INVALID, plugin->path,
		    "PH4002 it exports no `ph_adapter`, so it is no plug-in of "
		    "Packhorse "
		    "(or hides it: put PH_ADAPTER_EXPORT before its definition)");
	return ph_plugin_check(
	    plugin->path, offered, &plugin->manifest, &plugin->ops, err);
}

/* A name alone is a file here, not one that the linker looks for in its folders. */
static char *
file_of(const char *path)
{
	char *file = malloc(strlen(path) + 3);
	if (file) {
		strcpy(file, strchr(path, '/') ? "" : "./");
		strcat(file, path);
	}
	return file;
}

ph_status
ph_plugin_open(const char *path, ph_plugin **out, ph_error *err)
{
	ph_plugin *plugin = calloc(1, sizeof *plugin);
	if (plugin)
		plugin->path = file_of(path);
	if (!plugin || !plugin->path) {
		free(plugin);
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	}
	plugin->object = dlopen(plugin->path, RTLD_NOW | RTLD_LOCAL);
	ph_status status = PH_OK;
	if (!plugin->object) {
		const char *why = dlerror();
		status = ph_fail_at(err, PH_ERR_NOT_FOUND, path,
		    "PH4001 it cannot be loaded: %s", why ? why : "no reason given");
	} else {
		status = read_manifest(plugin, err);
	}
	if (status)
		ph_plugin_close(&plugin);
	else
		*out = plugin;
	return status;
}

void
ph_plugin_close(ph_plugin **plugin_p)
{
	ph_plugin *plugin = *plugin_p;
	if (!plugin)
		return;
	*plugin_p = NULL;
	if (plugin->object)
		(void) dlclose(plugin->object);
	free(plugin->path);
	free(plugin);
}

const char *
ph_plugin_path(const ph_plugin *plugin)
{
	return plugin->path;
}

const ph_adapter_manifest *
ph_plugin_manifest(const ph_plugin *plugin)
{
	return &plugin->manifest;
}

const ph_adapter_ops *
ph_plugin_ops(const ph_plugin *plugin)
{
	return &plugin->ops;
}

int
ph_plugin_can(const ph_plugin *plugin, uint64_t capability)
{
	return ((plugin->manifest.required | plugin->manifest.optional) & capability) !=
	       0;
}
