{
  externalRef: .reference,
  category: .service.code,
  title: (if (.summary | length) > 120 then .summary[0:119] + "…" else .summary end),
  details: (if (.description | length) > 4000 then .description[0:3999] + "…" else .description end),
  location: {lat: .location.lat, long: .location.long},
  customer: {email: .reporter.email},
  openedAt: .requested_at,
  fields: [.attributes[] | {key: .code, value: .value}]
}
