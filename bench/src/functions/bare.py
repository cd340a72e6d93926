import json, os, socket
s = socket.create_connection(('127.0.0.1', int(os.environ['BARE_PORT'])))
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
NEXT = b'GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n'
s.sendall(NEXT)
read = b''
while True:
    end = read.find(b'\r\n\r\n')
    head = {}
    if end >= 0:
        head = dict(line.lower().split(b': ', 1) for line in read[:end].split(b'\r\n')[1:])
    length = int(head.get(b'content-length', 0))
    if end < 0 or len(read) < end + 4 + length:
        data = s.recv(65536)
        if not data:
            break
        read += data
        continue
    event, read = read[end + 4:end + 4 + length], read[end + 4 + length:]
    id = head.get(b'lambda-runtime-aws-request-id')
    if id:
        json.loads(event)
        s.sendall(b'POST /2018-06-01/runtime/invocation/' + id
                  + b'/response HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nnull' + NEXT)
