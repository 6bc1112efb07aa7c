// node run.js FOLDER_WITH_NODE_MODULES URL: prints a report as JSON.
const path = require('path');
const exchange = require('./exchange.js');
const [folder, url] = process.argv.slice(2);
const mqtt = require(path.join(folder, 'node_modules', 'mqtt'));

(async () => {
  const report = {};
  for (const version of [4, 5]) report[version] = await exchange(mqtt, url, version);
  console.log(JSON.stringify(report));
  process.exit(0);
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
