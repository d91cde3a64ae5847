# frozen_string_literal: true

require "digest"
require "open3"

module Bench
  # Whether a peer does the work at all: the app's answer byte for byte, and what the app must be told.
  class Check
    Answer = Data.define(:status, :length, :sha256) do
      def to_s = "status #{status}, Content-Length #{length.empty? ? "absent" : length}, SHA-256 #{sha256[0, 12]}"
    end

    UPLOAD_BYTES = 10 * 1024 * 1024
    CURL_VERSIONS = { http1: "--http1.1", http2: "--http2-prior-knowledge" }.freeze

    def initialize(workload, directory)
      @workload = workload
      @directory = directory
    end

    def call(peer)
      compare_answers(peer)
      compare_headers(peer)
    end

    private

    def compare_answers(peer)
      expected = @workload.file ? of_file(peer.file) : fetch(peer.app_url(@workload.path), :http1)
      got = fetch(peer.url(@workload), @workload.protocol)
      return if got == expected && got.status == "200"

      raise Error, "#{@workload.name}: #{peer.name} answers with #{got}, and should with #{expected}"
    end

    def compare_headers(peer)
      url = peer.url(@workload.with(path: "/headers"))
      head = curl("--output", "-", CURL_VERSIONS.fetch(@workload.protocol), url)
      missing = peer.forwarded_headers.reject { |name| head.match?(/^#{name}: *\S/i) }
      return if missing.empty?

      raise Error, "#{peer.name} does not tell the app #{missing.join(", ")}, so it does less than the others"
    end

    def fetch(url, protocol)
      body = File.join(@directory, "answer")
      upload = @workload.upload? ? [ "--data-binary", "@#{upload_file}", "--header", "Expect:" ] : []
      facts = curl("--output", body, "--write-out", "%{http_code} %header{content-length}",
        CURL_VERSIONS.fetch(protocol), *upload, url)
      status, length = facts.split(" ", 2)
      Answer.new(status:, length: length.to_s.strip, sha256: Digest::SHA256.file(body).hexdigest)
    end

    def of_file(path)
      Answer.new(status: "200", length: File.size(path).to_s, sha256: Digest::SHA256.file(path).hexdigest)
    end

    def curl(*arguments)
      output, status = Open3.capture2e("curl", "--silent", "--show-error", "--noproxy", "*", "--max-time", "30", *arguments)
      raise Error, "#{@workload.name}: curl #{arguments.last} failed: #{output.strip}" unless status.success?

      output
    end

    def upload_file
      File.join(@directory, "upload").tap { |path| File.write(path, "x" * UPLOAD_BYTES) unless File.exist?(path) }
    end
  end
end
