# Apiary's agent. Build it from the root of the repository:
#   docker build -f deploy/docker/hive.Dockerfile -t apiary-hive .
# What it must be given to see its machine (GPUs, processes, cgroups) stands in docs/containers.md.

# Any image with Node 24, npm and a user 1000; glibc, which the mounted nvidia-smi is linked to.
ARG NODE_IMAGE=node:24-slim

# Package files before sources: a change of the sources installs nothing anew.
FROM ${NODE_IMAGE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# TypeScript is an optional peer of @nestjs/swagger, for its build plugin alone: only the second flag leaves it out.
RUN npm ci --omit=dev --omit=optional

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY libs libs
COPY apps apps
RUN npm run build

FROM ${NODE_IMAGE}
WORKDIR /app
# Inside a container loopback is out of the reach of a published port.
ENV NODE_ENV=production HIVE_HOST=0.0.0.0
# Read by NVIDIA's container runtime, which then mounts nvidia-smi and its library; any other ignores them.
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=utility
COPY --from=dependencies /app/node_modules node_modules
COPY package.json LICENSE ./
COPY --from=build /app/dist dist
# The base's user `node`, as a number: Kubernetes can tell from that alone that it isn't root.
USER 1000:1000
EXPOSE 7835
# The slim base has no curl.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.HIVE_PORT || 7835) + '/-/ready').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# No shell and no npm in between: SIGTERM must reach Node itself, which ends within 2 s.
ENTRYPOINT ["node", "dist/apps/hive/src/main.js"]
# Last, so that a new version or revision leaves the layers above as they are.
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="apiary-hive" \
  org.opencontainers.image.description="Apiary's agent: streams the live telemetry of one GPU machine" \
  org.opencontainers.image.licenses="Apache-2.0" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}"
