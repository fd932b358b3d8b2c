# Andon in a container: the dashboard, the binary with it inside, and a runtime that holds nothing else.

FROM node:20-bookworm-slim AS dashboard
WORKDIR /build/web
COPY web/package.json web/package-lock.json web/.npmrc ./
RUN npm ci
COPY web/ ./
RUN npm run build

FROM rust:1.95-bookworm AS binary
WORKDIR /build
COPY rust-toolchain.toml Cargo.toml Cargo.lock ./
COPY crates crates
COPY migrations migrations
COPY --from=dashboard /build/web/dist web/dist
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/build/target \
    cargo build --release --locked --package andon && cp target/release/andon /usr/local/bin/andon

FROM debian:bookworm-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/andon --create-home andon
COPY --from=binary /usr/local/bin/andon /usr/local/bin/andon
COPY config/docker.toml /etc/andon/andon.toml
USER andon
WORKDIR /var/lib/andon
VOLUME /var/lib/andon
EXPOSE 8080 4850
STOPSIGNAL SIGTERM
# Bash speaks TCP itself, so that nothing needs to be installed for the question.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /healthz HTTP/1.0\\r\\n\\r\\n' >&3 && read -r line <&3 && [[ $line == *' 200 '* ]]"]
ENTRYPOINT ["andon"]
CMD ["run", "--config", "/etc/andon/andon.toml"]
