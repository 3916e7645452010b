"""Figures and HTML pages: one visual style, building blocks of figures, figures of scans."""
