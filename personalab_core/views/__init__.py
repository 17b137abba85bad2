"""Records turned into what a page prints: sentences, numbers with units, addresses of pictures.

Good means: frozen, ready to print, no Streamlit, no arithmetic left for the page, and a
sentence for "nothing here yet".
"""
