/*
 * CamelPeer - the changes of bench map by an Apache Camel route: XSLT for XML; Jackson's tree and a
 * processor for JSON, held to the canonical schema by the validator that Camel's own component wraps.
 *
 *   CamelPeer xslt|in|both|in-validated|both-validated FILE STYLESHEET SCHEMA
 *
 * It obeys lines of its input, each with a line of its own: "show" prints what comes out, "warm SECONDS"
 * does the same change for so long, "measure SECONDS" prints {"us": per document, "bytes": of it,
 * "process_us": ...}. "us" is the time of the thread that calls the route, the least of 20 slices;
 * "process_us" is the time of the whole process over all of them: the collector's and the compilers'
 * threads are in it.
 */
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.networknt.schema.Schema;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SpecificationVersion;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.Map;
import java.util.Set;
import org.apache.camel.Exchange;
import org.apache.camel.ProducerTemplate;
import org.apache.camel.builder.RouteBuilder;
import org.apache.camel.impl.DefaultCamelContext;
import org.apache.camel.model.dataformat.JsonLibrary;

public final class CamelPeer {
	private static final int SLICES = 20;
	private static final Set<String> SERVICES = Set.of("street-lighting", "potholes", "roads",
	    "road-signs", "pavement-jetting", "missed-collection", "missed-collection-garden",
	    "bin-repair", "garden-waste", "trade-waste", "rubbish", "fly-tipping", "fly-posting",
	    "graffiti", "dog-mess", "street-cleaning", "abandoned-vehicle", "tree", "parks",
	    "car-parking");
	private static final Map<String, String> STATUSES = Map.of("new", "open", "in progress",
	    "in_progress", "resolved", "fixed", "duplicate", "duplicate", "closed",
	    "no_further_action");

	private static String service(JsonNode code) {
		return SERVICES.contains(code.asText()) ? code.asText() : "general";
	}

	private static String fit(JsonNode text, int most) {
		String all = text.asText();
		if (all.codePointCount(0, all.length()) <= most)
			return all;
		return all.substring(0, all.offsetByCodePoints(0, most - 1)) + "…";
	}

	private static String utc(JsonNode time) {
		return OffsetDateTime.parse(time.asText())
		    .withOffsetSameInstant(ZoneOffset.UTC)
		    .toString();
	}

	private static ArrayNode renamed(JsonNode list, String from, String to) {
		ArrayNode all = JsonNodeFactory.instance.arrayNode(list.size());
		for (JsonNode one : list)
			all.addObject().<ObjectNode>set(to, one.get(from)).set("value",
			    one.get("value"));
		return all;
	}

	private static JsonNode toCanonical(JsonNode vendor) {
		ObjectNode made = JsonNodeFactory.instance.objectNode();
		made.set("reference", vendor.get("externalRef"));
		made.putObject("service").put("code", service(vendor.path("category")));
		made.put("summary", fit(vendor.path("title"), 120));
		made.put("description", fit(vendor.path("details"), 4000));
		JsonNode location = vendor.path("location");
		made.putObject("location").<ObjectNode>set("lat", location.get("lat"))
		    .set("long", location.get("long"));
		made.putObject("reporter").set("email", vendor.path("customer").get("email"));
		made.put("requested_at", utc(vendor.path("openedAt")));
		made.set("attributes", renamed(vendor.path("fields"), "key", "code"));
		made.put("status", STATUSES.getOrDefault(vendor.path("status").asText(), "open"));
		return made;
	}

	private static JsonNode toVendor(JsonNode canonical) {
		ObjectNode made = JsonNodeFactory.instance.objectNode();
		made.set("externalRef", canonical.get("reference"));
		made.put("category", service(canonical.path("service").path("code")));
		made.put("title", fit(canonical.path("summary"), 120));
		made.put("details", fit(canonical.path("description"), 4000));
		JsonNode location = canonical.path("location");
		made.putObject("location").<ObjectNode>set("lat", location.get("lat"))
		    .set("long", location.get("long"));
		made.putObject("customer").set("email", canonical.path("reporter").get("email"));
		made.put("openedAt", utc(canonical.path("requested_at")));
		made.set("fields", renamed(canonical.path("attributes"), "code", "key"));
		return made;
	}

	private static final class Routes extends RouteBuilder {
		private final String stylesheet;
		private final Schema schema;

		Routes(String stylesheet, Schema schema) {
			this.stylesheet = stylesheet;
			this.schema = schema;
		}

		private void validate(Exchange exchange) {
			if (!schema.validate(exchange.getMessage().getBody(JsonNode.class)).isEmpty())
				throw new IllegalStateException("the document is not valid");
		}

		private static void change(Exchange exchange, boolean in) {
			JsonNode body = exchange.getMessage().getBody(JsonNode.class);
			exchange.getMessage().setBody(in ? toCanonical(body) : toVendor(body));
		}

		@Override
		public void configure() {
			from("direct:xslt").to("xslt:file:" + stylesheet + "?output=bytes");
			from("direct:in").unmarshal().json(JsonLibrary.Jackson, JsonNode.class)
			    .process(exchange -> change(exchange, true))
			    .marshal().json(JsonLibrary.Jackson);
			from("direct:out").unmarshal().json(JsonLibrary.Jackson, JsonNode.class)
			    .process(exchange -> change(exchange, false))
			    .marshal().json(JsonLibrary.Jackson);
			from("direct:in-validated").unmarshal().json(JsonLibrary.Jackson, JsonNode.class)
			    .process(exchange -> change(exchange, true)).process(this::validate)
			    .marshal().json(JsonLibrary.Jackson);
			from("direct:out-validated").unmarshal().json(JsonLibrary.Jackson, JsonNode.class)
			    .process(this::validate).process(exchange -> change(exchange, false))
			    .marshal().json(JsonLibrary.Jackson);
		}
	}

	private final ProducerTemplate template;
	private final String[] ways;
	private final byte[] bytes;

	private CamelPeer(ProducerTemplate template, String[] ways, byte[] bytes) {
		this.template = template;
		this.ways = ways;
		this.bytes = bytes;
	}

	private byte[] turn() {
		byte[] body = bytes;
		for (String way : ways)
			body = template.requestBody(way, body, byte[].class);
		if (body.length == 0)
			throw new IllegalStateException("nothing comes out");
		return body;
	}

	private static String[] ways(String what) {
		return switch (what) {
		case "both" -> new String[] {"direct:in", "direct:out"};
		case "both-validated" ->
			new String[] {"direct:in-validated", "direct:out-validated"};
		default -> new String[] {"direct:" + what};
		};
	}

	/* How many turns there are in so many seconds. */
	private long turns(double seconds) {
		long turns = 0, begun = System.nanoTime();
		for (; System.nanoTime() - begun < seconds * 1e9; turns++)
			turn();
		return turns;
	}

	private String measure(double seconds) {
		ThreadMXBean thread = ManagementFactory.getThreadMXBean();
		var process = (com.sun.management.OperatingSystemMXBean)
		    ManagementFactory.getOperatingSystemMXBean();
		long step = Math.max(1, turns(seconds / SLICES));
		double best = Double.MAX_VALUE;
		long all = process.getProcessCpuTime();
		for (int slice = 0; slice < SLICES; slice++) {
			long begun = thread.getCurrentThreadCpuTime();
			for (long i = 0; i < step; i++)
				turn();
			best = Math.min(best, (double) (thread.getCurrentThreadCpuTime() - begun) / step);
		}
		all = process.getProcessCpuTime() - all;
		return String.format("{\"us\":%.4f,\"bytes\":%d,\"process_us\":%.2f}", best / 1e3,
		    bytes.length, all / 1e3 / (step * SLICES));
	}

	private String obey(String[] order) {
		return switch (order[0]) {
		case "show" -> new String(turn(), StandardCharsets.UTF_8);
		case "warm" -> "{\"turns\":" + turns(Double.parseDouble(order[1])) + "}";
		case "measure" -> measure(Double.parseDouble(order[1]));
		default -> throw new IllegalArgumentException(order[0]);
		};
	}

	public static void main(String[] given) throws Exception {
		Schema schema = SchemaRegistry.withDefaultDialect(SpecificationVersion.DRAFT_2020_12)
		    .getSchema(Files.readString(Path.of(given[3])));
		var orders = new BufferedReader(new InputStreamReader(System.in));
		try (DefaultCamelContext context = new DefaultCamelContext()) {
			context.addRoutes(new Routes(given[2], schema));
			context.start();
			var peer = new CamelPeer(context.createProducerTemplate(), ways(given[0]),
			    Files.readAllBytes(Path.of(given[1])));
			for (String line; (line = orders.readLine()) != null;)
				System.out.println(peer.obey(line.split(" ")));
		}
	}
}
