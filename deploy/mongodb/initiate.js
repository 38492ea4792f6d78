// Run once, by mongosh, on the new node: makes a replica set of it, and the user as which `guanxi setup` makes the rest.
// Run again, it changes nothing. Where it changes, the number of the mark in `healthy` changes too.
const fs = require('fs');
const secret = (name) => fs.readFileSync('/run/secrets/guanxi/' + name, 'utf8').trim();

db.getSiblingDB('admin').auth('root', secret('root_password'));
try {
  rs.status();
} catch (error) {
  rs.initiate({ _id: 'guanxi', members: [{ _id: 0, host: 'mongo:27017' }] });
}
for (let tries = 0; !db.hello().isWritablePrimary; tries += 1) {
  if (tries === 50) throw new Error('no primary after 10 seconds');
  sleep(200);
}
const database = db.getSiblingDB('guanxi');
// Owner of this one database: it may grant rights in it, and none elsewhere.
const rights = { pwd: secret('setup_password'), roles: [{ role: 'dbOwner', db: 'guanxi' }] };
if (database.getUser('setup')) {
  database.updateUser('setup', rights);
} else {
  database.createUser({ user: 'setup', ...rights });
}
// For repairs, within the container.
db.getSiblingDB('admin').updateUser('root', {
  authenticationRestrictions: [{ clientSource: ['127.0.0.1', '::1'] }],
});
