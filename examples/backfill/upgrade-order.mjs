// Version 1: { total: 555.43, 'paid.at': '2025-01-11T12:17:22.017Z' or null, payment: {...} }
// Version 2: { version: 2, amount: { value: 555.43, currency: 'EUR' }, payment: { ..., paidAt } }
function upgradeV1ToV2({ total, 'paid.at': paidAt, ...order }) {
  return {
    ...order,
    version: 2,
    amount: { value: total, currency: 'EUR' },
    payment: { ...order.payment, paidAt },
  };
}

function downgradeV2ToV1({ version, amount, ...order }) {
  const { paidAt, ...payment } = order.payment;
  return { ...order, total: amount.value, 'paid.at': paidAt, payment };
}

export const migration = {
  shouldMigrate: (item) => item.type === 'order' && (item.version ?? 1) < 2,
  transform: upgradeV1ToV2,
  rollback: (item) => (item.type === 'order' && item.version === 2 ? downgradeV2ToV1(item) : item),
};
