// "116 Main St., Boston" gets { street: "116 Main St.", city: "Boston" }, with the postcode and country of the record.
export function parseAddress(text) {
  const comma = text.lastIndexOf(',');
  if (comma < 0) return { street: text.trim() };
  return { street: text.slice(0, comma).trim(), city: text.slice(comma + 1).trim() };
}

export const shouldMigrate = (item) => !item.addressDetails && item.address;

export const transform = (item) => ({
  ...item,
  // What a record does not have is undefined and is left out.
  addressDetails: { ...parseAddress(item.address), postcode: item.postcode, country: item.country },
});

export const rollback = ({ addressDetails, ...item }) => item;
