# frozen_string_literal: true

require "net/http"
require_relative "check"
require_relative "../assets"

module Thruster
  class Doctor
    # Whether a digested asset is there, small, and kept by browsers.
    class Assets < Check
      COMPRESS = "run `bin/rails thruster:assets:compress`, which `assets:precompile` does by itself"
      PATIENCE = 5

      def findings
        return [] unless subject.config.respond_to?(:assets)
        return [ missing ] unless asset

        [ siblings, served ]
      end

      private
        def missing
          return ok("no assets are compiled, which only production needs") unless subject.env == "production"

          warning "there is no compiled asset in #{directory}", why: "in production Rails serves no other",
            change: "run `bin/rails assets:precompile` before the start, in the image's build for instance"
        end

        # The largest one gains most.
        def asset
          @asset ||= Dir.glob("**/*.{css,js}", base: directory).grep(Thruster::Assets::DIGESTED)
            .max_by { File.size(File.join(directory, _1)) }
        end

        def siblings
          return ok("#{asset} is there compressed: #{encodings.join(", ")}") if encodings.any?

          warning "#{asset} has no compressed file beside it", change: COMPRESS,
            why: "it goes to every new visitor at its full size"
        end

        def encodings
          Thruster::Assets::ENCODINGS.select { File.exist?(File.join(directory, "#{asset}.#{_1}")) }
        end

        def served
          address = subject.address
          return ok("no thrust runs that could be asked for #{asset}") unless address

          response = get(*address)
          wrong(response) || ok("#{path} comes #{response["Content-Encoding"] || "plain"}, #{response["Cache-Control"]}")
        rescue SystemCallError, Timeout::Error, IOError, Net::ProtocolError => failure
          warning "#{path} could not be had from thrust", why: failure.message, change: "look at thrust's log"
        end

        def wrong(response)
          if response.code != "200"
            warning "thrust answers #{response.code} for #{path}", change: "look at thrust's log for that request",
              why: "the file lies in #{directory}"
          elsif !response["Cache-Control"].to_s.match?(/immutable|max-age=\d{7,}/)
            warning "#{path} comes with #{response["Cache-Control"] ? "Cache-Control: #{response["Cache-Control"]}" : "no Cache-Control"}",
              why: "browsers ask for it again and again, though its name changes with its content",
              change: 'set config.public_file_server.headers = { "cache-control" => "public, max-age=31536000, immutable" }'
          elsif response["Content-Encoding"].nil? && encodings.any?
            warning "#{path} comes plain though a compressed file lies beside it",
              why: "thrust does not serve public/: Rails does", change: "see public_path in `bin/rails thruster:config`"
          end
        end

        def get(host, port)
          headers = { "Accept-Encoding" => "br, zstd, gzip", "X-Forwarded-Proto" => "https", "Host" => subject.host }
          Net::HTTP.start(host, port, open_timeout: PATIENCE, read_timeout: PATIENCE) { _1.get(path, headers) }
        end

        def path
          File.join(subject.config.relative_url_root.to_s, "/", subject.config.assets.prefix, asset)
        end

        def directory
          Thruster::Assets.of(subject.app)
        end
    end
  end
end
