{
  reference: .externalRef,
  service: {code: ({"street-lighting": "street-lighting", "potholes": "potholes", "roads": "roads",
    "road-signs": "road-signs", "rubbish": "rubbish"}[.category] // "general")},
  summary: (if (.title | length) > 120 then .title[0:119] + "…" else .title end),
  description: (if (.details | length) > 4000 then .details[0:3999] + "…" else .details end),
  location: {lat: .location.lat, long: .location.long},
  reporter: {email: .customer.email},
  requested_at: (.openedAt | .[0:19] + "Z" | fromdate - 3600 | todate),
  attributes: [.fields[] | {code: .key, value: .value}],
  status: ({"new": "open", "in progress": "in_progress", "resolved": "fixed"}[.status] // "open")
}
