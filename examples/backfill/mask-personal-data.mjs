// What replaces personal data is made of the record's key, so that a second time changes nothing, records that belong
// together still do, and no list of what was what is needed. What applications rely on stays: which fields there are,
// their types, and what is good for statistics (year of birth, country, city, region).
const number = (item) => item.pk.split('#')[1];

function maskCustomer({ avatar, ...customer }) {
  return {
    ...customer,
    name: `Customer ${number(customer)}`,
    email: `customer.${number(customer)}@masked.example`,
    birthday: customer.birthday && `${customer.birthday.slice(0, 4)}-01-01`,
    phones: customer.phones && new Set(['+1-555-0100']),
    notes: '',
  };
}

function maskAddress(address) {
  const city = address.address.slice(address.address.lastIndexOf(',') + 1).trim();
  return {
    ...address,
    address: `1 Masked Street, ${city}`,
    postcode: `${address.postcode.slice(0, 2)}000`,
    geo: { lat: Math.round(Number(address.geo.lat)), lon: Math.round(Number(address.geo.lon)) },
  };
}

export function transform(item) {
  if (item.type === 'customer') return maskCustomer(item);
  if (item.type === 'address') return maskAddress(item);
  return item;
}
