# Tells what the app was told: the request as Rack has it, and as Rails understands it.
class RequestsController < ApplicationController
  skip_forgery_protection

  def show
    render json: {
      method: request.request_method,
      target: request.env["REQUEST_URI"],
      url: request.original_url,
      remote_ip: request.remote_ip,
      request_id: request.request_id,
      headers:
    }
  end

  private
    # Under the names they have in HTTP.
    def headers
      request.env.filter_map do |name, value|
        case name
        when /\AHTTP_(?!VERSION\z)/ then [ $'.tr("_", "-").downcase, value ]
        when "CONTENT_TYPE", "CONTENT_LENGTH" then [ name.tr("_", "-").downcase, value ]
        end
      end.to_h
    end
end
