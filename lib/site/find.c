/*
 * How it works: what is asked of a site that has been read; files are looked for where they may
 * stand, nearest first.
 */
#include "lib/site/site.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

const ph_site_adapter *
ph_site_adapter_get(const ph_site *site, const char *name)
{
	for (size_t i = 0; i < site->adapter_count; i++) {
		if (strcmp(site->adapters[i].name, name) == 0)
			return &site->adapters[i];
	}
	return NULL;
}

const ph_site_adapter *
ph_site_adapter_of_queue(const ph_site *site, const char *queue)
{
	for (size_t i = 0; i < site->adapter_count; i++) {
		if (strcmp(site->adapters[i].queue, queue) == 0)
			return &site->adapters[i];
	}
	return NULL;
}

bool
ph_site_has_queue(const ph_site *site, const char *queue)
{
	if (ph_site_adapter_of_queue(site, queue) != NULL)
		return true;
	for (size_t i = 0; i < site->queues.count; i++) {
		if (strcmp(site->queues.at[i], queue) == 0)
			return true;
	}
	return false;
}

bool
ph_site_may_mint(const ph_site_adapter *adapter, const char *entity)
{
	for (size_t i = 0; i < adapter->originates.count; i++) {
		if (strcmp(adapter->originates.at[i], entity) == 0)
			return true;
	}
	return false;
}

static bool
is_there(
    const char *directory, const char *folder, const char *name, char *out, size_t size)
{
	const char *slash = folder[0] == 0 ? "" : "/";
	int length = snprintf(out, size, "%s%s%s/%s", directory, slash, folder, name);
	return length > 0 && (size_t) length < size && access(out, R_OK) == 0;
}

ph_status
ph_site_find(const ph_site *site, const ph_site_adapter *adapter, const char *folder,
    const char *name, char *out, size_t size, ph_error *err)
{
	if (name[0] == '/' || strstr(name, "..") != NULL)
		return ph_fail(err, PH_ERR_INVALID,
		    "PH1312 a file of the site is named by its name alone, without a "
		    "way to it");
	if (is_there(site->directory, folder, name, out, size))
		return PH_OK;
	bool connector = adapter != NULL && adapter->connector != NULL;
	if (connector && is_there(adapter->connector, folder, name, out, size))
		return PH_OK;
	for (size_t i = 0; strcmp(folder, "schemas") == 0 && i < site->schemas.count;
	     i++) {
		if (is_there(site->schemas.at[i], "", name, out, size))
			return PH_OK;
	}
	return ph_fail(err, PH_ERR_NOT_FOUND,
	    "PH1313 there is no %s/%s in the site%s%s", folder, name,
	    connector ? ", nor in " : "", connector ? adapter->connector : "");
}
