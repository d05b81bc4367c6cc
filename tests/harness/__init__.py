"""What the end-to-end and the browser tests share: a running gateway, certificates, raw sockets."""
