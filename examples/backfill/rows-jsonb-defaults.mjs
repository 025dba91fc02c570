// profile {"theme": "dark", "lang": "de"} becomes {"version": 2, "settings": {"theme": "dark", "lang": "de"}}.
export function transform(row) {
  return { ...row, profile: { version: 2, settings: row.profile } };
}
