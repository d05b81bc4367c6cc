"""A file drop that stands behind an ingress: raw and multipart uploads, ranges, a mounted API."""
