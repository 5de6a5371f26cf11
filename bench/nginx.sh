# Sourced by the benches that compare with nginx: serves $dir/files on a free port. Sets peer (the port) and nginx (its process).
peer=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >"$dir/nginx.conf" <<CONF
worker_processes 2; daemon off; pid $dir/nginx.pid; error_log $dir/error.log;
events { worker_connections 256; }
http { access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000; client_body_temp_path $dir/t1;
  proxy_temp_path $dir/t2; fastcgi_temp_path $dir/t3; uwsgi_temp_path $dir/t4; scgi_temp_path $dir/t5;
  server { listen 127.0.0.1:$peer; root $dir/files; } }
CONF
nginx -c "$dir/nginx.conf" 2>"$dir/nginx.log" &
nginx=$!
