/* How it works: two options, one comparison each. */
#include "broker/retention.h"

bool
ph_retention_outlived(
    const ph_broker *broker, const ph_store_span *extent, uint64_t used)
{
	const ph_options *options = &broker->site->options;
	int64_t age_ms = ph_broker_now(broker) - extent->until_ms;
	return used > (uint64_t) ph_options_get(options, PH_OPTION_RETAIN_BYTES) ||
	       age_ms > ph_options_get(options, PH_OPTION_RETAIN_MS);
}
