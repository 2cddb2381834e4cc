/*
 * plugin - a transport loaded from its shared object, checked before it is trusted.
 *
 * The manifest and the operations are copied into structs of our own size: what an older plug-in
 * does not have reads as zero, what a newer one has besides is not seen.
 *
 * Thread: owner; what is returned may be read by any. Errors: PH_ERR_VERSION (it was made for
 * another host), PH_ERR_INVALID (it is no plug-in, or a broken one), PH_ERR_NOT_FOUND.
 */
#ifndef PH_HOST_PLUGIN_H
#define PH_HOST_PLUGIN_H

#include <packhorse/adapter.h>
#include <packhorse/error.h>

typedef struct ph_plugin ph_plugin;

ph_status ph_plugin_open(const char *path, ph_plugin **out, ph_error *err);
/* Unload it. Its instances must be destroyed. NULL allowed. */
void ph_plugin_close(ph_plugin **plugin_p);

const char *ph_plugin_path(const ph_plugin *plugin);
const ph_adapter_manifest *ph_plugin_manifest(const ph_plugin *plugin);
const ph_adapter_ops *ph_plugin_ops(const ph_plugin *plugin);
/* Does it say it can? */
int ph_plugin_can(const ph_plugin *plugin, uint64_t capability);

/* Check a manifest as if it had come from `path`; copies into *manifest and *ops. For tests, and for
 * what cannot be loaded from a file. */
ph_status ph_plugin_check(const char *path, const ph_adapter_manifest *offered,
    ph_adapter_manifest *manifest, ph_adapter_ops *ops, ph_error *err);

#endif
