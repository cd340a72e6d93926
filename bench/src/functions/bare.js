const socket = require('net').connect(+process.env.BARE_PORT, '127.0.0.1');
socket.setNoDelay(true);
const next = 'GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n';
let read = '';
socket.on('data', (data) => {
  read += data;
  for (;;) {
    const end = read.indexOf('\r\n\r\n');
    if (end < 0) return;
    const head = read.slice(0, end);
    const length = +/content-length: (\d+)/i.exec(head)[1];
    if (read.length < end + 4 + length) return;
    const event = read.slice(end + 4, end + 4 + length);
    read = read.slice(end + 4 + length);
    const id = /aws-request-id: (\S+)/i.exec(head);
    if (!id) continue;
    JSON.parse(event);
    socket.write(
      `POST /2018-06-01/runtime/invocation/${id[1]}/response HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nnull${next}`);
  }
});
socket.on('close', () => process.exit());
socket.write(next);
