# frozen_string_literal: true

require_relative "check"

module Thruster
  class Doctor
    # Whether app and thrust believe the same proxies, and whether TLS that ends before thrust is known to Rails.
    class Proxies < Check
      EVERYBODY = %w[0.0.0.0/0 ::/0].freeze

      def findings
        [ trusted, force_ssl ].compact
      end

      private
        def trusted
          return everybody if (networks & EVERYBODY).any?
          return two_lists if rails_networks && settings.given?("trusted_proxies") && source != "rails" && differ?

          ok "thrust believes proxies in #{networks.empty? ? "no network" : networks.join(", ")}"
        end

        def everybody
          warning "thrust believes everybody to be a proxy (trusted_proxies)",
            why: "any client can then say which address it has, and pass for another where addresses are limited or allowed",
            change: "name the networks of your proxies in THRUSTER_TRUSTED_PROXIES, or `private`, `cloudflare`, `none`"
        end

        def two_lists
          warning "Rails trusts #{rails_networks.join(", ")}, thrust #{networks.join(", ")} (#{source})",
            why: "a client's address in Rails (remote_ip) is then not that in thrust's log, nor the one that limits count",
            change: "unset THRUSTER_TRUSTED_PROXIES: thrust takes config.action_dispatch.trusted_proxies from Rails"
        end

        # Rails asks for TLS, and thrust speaks none: it has to come from a proxy that says so.
        def force_ssl
          return unless subject.config.force_ssl
          return ok("thrust speaks TLS itself, as force_ssl asks") unless Array(settings["tls_domain"]).empty?
          return ok("assume_ssl takes every request for one that came by TLS") if assumed?

          dropped? ? loops : ok("force_ssl goes by the X-Forwarded-Proto of the proxy that ends TLS before thrust")
        end

        def loops
          error "force_ssl sends every request to https://, and thrust drops what says that it came from there",
            why: "X-Forwarded-Proto of the proxy before thrust does not reach Rails " \
              "(#{dropping}): the browser is sent in circles",
            change: "name that proxy in THRUSTER_TRUSTED_PROXIES, or set `config.assume_ssl = true` if all requests come " \
              "through it"
        end

        def dropped?
          settings["forward_headers"] == false || (settings.given?("trusted_proxies") && networks.empty?)
        end

        def dropping
          settings["forward_headers"] == false ? "FORWARD_HEADERS is off" : "trusted_proxies is none"
        end

        def assumed?
          subject.config.respond_to?(:assume_ssl) && subject.config.assume_ssl
        end

        def networks
          settings.fetch("trusted_proxies", [ "private" ])
        end

        def rails_networks
          Array(subject.config.action_dispatch.trusted_proxies).map(&:to_s).then { _1 unless _1.empty? }
        end

        def differ?
          named = Array(subject.config.action_dispatch.trusted_proxies).map do |network|
            network.is_a?(IPAddr) ? "#{network}/#{network.prefix}" : network.to_s
          end
          (named.map { full(_1) } - networks.map { full(_1) }).any?
        end

        def full(network)
          network.match?(/\A[\h.:]+\z/) ? "#{network}/#{network.include?(":") ? 128 : 32}" : network
        end

        def source
          settings.source("trusted_proxies")
        end

        def settings
          subject.settings
        end
    end
  end
end
