# Sightline for one machine. `docker build -t sightline .`, then
# `docker run -p 8787:8787 -v sightline:/data -v ~/Pictures:/pictures sightline /pictures`: docs/docker.md.
# Its commands name no absolute paths: a test runs them in an empty folder (npm run test:docker).

FROM node:24.21.0-bookworm-slim AS build
WORKDIR /src
COPY . .
RUN npm ci --no-audit --no-fund
RUN npm pack --pack-destination ..
WORKDIR /app
RUN npm install --omit=dev --no-audit --no-fund ../sightline-*.tgz
WORKDIR /data

FROM node:24.21.0-bookworm-slim
WORKDIR /app
COPY --from=build /app /app
COPY --from=build --chown=node:node /data /data
USER node
# Others can reach it, so nobody may write without an API key (SIGHTLINE_API_KEYS).
ENV HOST=0.0.0.0 PORT=8787 SIGHTLINE_DATA=/data NODE_ENV=production
VOLUME /data
EXPOSE 8787
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
  CMD node -e "fetch('http://127.0.0.1:' + process.env.PORT + '/health').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"
ENTRYPOINT ["/app/node_modules/.bin/sightline"]
