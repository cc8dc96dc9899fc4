"""HTML pages in one file each, that need no network: `render_page` fills the templates of this folder."""

from duetbench.pages.environment import render_page

__all__ = ["render_page"]
