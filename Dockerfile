# docker build -t signalbox .                            the image of the chart: args begin with a command
# docker build -t signalbox --target endpoint-picker .   args are the flags of the reference endpoint picker

# Any Debian with Node and npm does. The Node that runs in the image is the one that package-lock.json pins.
FROM node:24.21.0-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json LICENSE ./
COPY src src
COPY protos protos
COPY scripts scripts
RUN npx tsc -p tsconfig.build.json
RUN npm prune --omit=dev --ignore-scripts
RUN node_modules/.bin/node scripts/build.ts image

# No shell and no package manager: Node, the shared libraries that it needs, Signalbox.
FROM scratch AS base
COPY --from=build /build/image/ /
USER 65532:65532
# As bin/signalbox has it, where the reason is.
ENV NODE_ENV=production MALLOC_MMAP_THRESHOLD_=49152
EXPOSE 9002 9003 9005 9090

FROM base AS endpoint-picker
ENTRYPOINT ["/bin/node", "--max-semi-space-size=2", "/signalbox/src/main.js", "serve", "--kubernetes"]

FROM base AS signalbox
# The flags are those of bin/signalbox, where their reasons are.
ENTRYPOINT ["/bin/node", "--max-semi-space-size=2", "/signalbox/src/main.js"]
CMD ["serve", "--kubernetes"]
