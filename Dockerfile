# Image of the server, without the pipeline. The model is mounted, so that one image serves any:
#
#   docker build -t classifier .
#   docker run --rm --read-only --tmpfs /tmp -p 127.0.0.1:8000:8000 \
#     -v "$PWD/models:/srv/models:ro" classifier
#
# Behind another name than localhost: append --allowed-host NAME. For the page's example pictures and
# metrics: mount data/dataset and metrics in the same way, to /srv/data/dataset and /srv/metrics.
FROM python:3.12.12-slim-bookworm

WORKDIR /srv
COPY app/requirements.lock app/
# Wheels only: there is no compiler here, and no code of a package runs while it is installed.
RUN pip install --no-cache-dir --require-hashes --only-binary=:all: -r app/requirements.lock
COPY common common
COPY networks networks
COPY app app

# Files are written only in /tmp, where libraries put their caches.
ENV HOME=/tmp MPLCONFIGDIR=/tmp PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["python", "-c", \
  "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
# 0.0.0.0: all addresses of the container; -p decides who reaches them. 127.0.0.1 is the name that
# the health check above uses.
ENTRYPOINT ["python", "-m", "app.serve", "--host", "0.0.0.0", "--allowed-host", "127.0.0.1"]
CMD ["--allowed-host", "localhost"]
