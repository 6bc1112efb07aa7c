// What MQTT.js does with a listener, the same in Node.js and in a browser: subscribes, publishes
// with every QoS and size, and reports what came. `mqtt` is the library, `login` has username and
// password or nothing.
async function exchange(mqtt, url, version, login = {}) {
  const client = mqtt.connect(url, {
    protocolVersion: version, reconnectPeriod: 0, connectTimeout: 20000, ...login,
    clientId: 'js-' + version + '-' + Math.random().toString(16).slice(2),
  });
  // connectAsync() waits for ever when a browser's connection is refused: there is no error.
  await new Promise((resolve, reject) => {
    client.once('connect', resolve);
    client.once('error', reject);
    client.once('close', () => reject(new Error('closed')));
  });
  const messages = [];
  const sizes = [[0, 10], [1, 200], [2, 70000], [1, 1000000], [0, 0]];
  const all = new Promise((resolve, reject) => {
    client.on('error', reject);
    client.on('close', () => reject(new Error('closed')));
    client.on('message', (topic, payload, packet) => {
      messages.push({topic, qos: packet.qos, size: payload.length});
      if (messages.length === sizes.length) resolve();
    });
  });
  const topic = 'js/' + version;
  const granted = await client.subscribeAsync(topic + '/#', {qos: 2});
  for (const [index, [qos, size]] of sizes.entries()) {
    await client.publishAsync(topic + '/' + index, 'x'.repeat(size), {qos});
  }
  await all;
  await client.endAsync();
  return {granted: granted.map((each) => each.qos), messages};
}

if (typeof module !== 'undefined') module.exports = exchange;
