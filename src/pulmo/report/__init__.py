"""One visual style, figures' building blocks, pictures of scans."""
